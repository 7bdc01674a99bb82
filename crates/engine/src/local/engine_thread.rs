//! Thread of a local engine: start, drive, failure handling.

use std::any::Any;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use harmonic_admission::Demand;
use tokio::sync::watch;

use super::config::LocalConfig;
use crate::clock::Clock;
use crate::constraint::Wake;
use crate::drive::{Command, drive};
use crate::engine::{Drained, EngineError, Health};
use crate::machine::Machine;
use crate::publisher::Publisher;
use crate::request_registry::{RequestRegistry, SharedStatus};
use crate::sampling::Samplers;
use crate::scheduler::Scheduler;

/// Context of an engine thread, from which a machine is driven.
pub struct EngineThread<'a> {
    config: &'a LocalConfig,
    commands: &'a Receiver<Command>,
    registry: &'a mut RequestRegistry,
    status: &'a SharedStatus,
    ready: &'a SyncSender<Result<(), EngineError>>,
    drained: &'a mut Option<Drained>,
    wake: Wake,
}

impl fmt::Debug for EngineThread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineThread").field("engine", &self.config.id).finish_non_exhaustive()
    }
}

impl EngineThread<'_> {
    /// Configuration of the engine.
    pub fn config(&self) -> &LocalConfig {
        self.config
    }

    /// Reports the machine as ready and drives it until the engine is drained or dropped.
    ///
    /// # Errors
    /// [`EngineError::Died`] if the machine fails.
    pub fn drive<M: Machine>(self, machine: M, clock: &mut impl Clock) -> Result<(), EngineError> {
        let allocation = machine.allocation();
        self.status.write(|status| status.allocation = allocation);
        let scheduler = Scheduler::new(self.config.scheduler(machine.supports_partial_removal()));
        self.registry.publisher().slots_changed(&scheduler.load()); // A failed send means that the spawner is gone, which also closes the command channel.
        let _gone = self.ready.send(Ok(()));
        let device = self.config.device.as_ref();
        let threads = NonZeroUsize::new(self.config.threads as usize);
        let samplers =
            Samplers::with_threads(threads.unwrap_or(NonZeroUsize::MIN)).with_wake(self.wake);
        match drive(machine, scheduler, self.commands, self.registry, device, clock, samplers) {
            Ok(drained) => {
                *self.drained = Some(drained);
                Ok(())
            }
            Err(error) => {
                Err(EngineError::Died { id: self.config.id.clone(), message: error.to_string() })
            }
        }
    }
}

/// Starts the engine thread and waits until its machine is ready.
pub(super) fn spawn_thread(
    config: &LocalConfig,
    commands: Receiver<Command>,
    status: SharedStatus,
    wake: Wake,
    body: impl FnOnce(EngineThread<'_>) -> Result<(), EngineError> + Send + 'static,
) -> Result<watch::Receiver<Option<Drained>>, EngineError> {
    let setup = |reason: String| EngineError::Setup { id: config.id.clone(), reason };
    let (ready, is_ready) = sync_channel(1);
    let (end, ended) = watch::channel(None);
    let owned = config.clone();
    thread::Builder::new()
        .name(format!("engine-{}", config.id))
        .spawn(move || {
            let agents = owned.agents.iter().map(|agent| agent.spec.name.clone()).collect();
            let publisher = Publisher::new(owned.events.clone(), owned.id.clone(), agents);
            let mut registry = RequestRegistry::new(status.clone(), publisher);
            let mut drained = None;
            let result = catch_unwind(AssertUnwindSafe(|| {
                body(EngineThread {
                    config: &owned,
                    commands: &commands,
                    registry: &mut registry,
                    status: &status,
                    ready: &ready,
                    drained: &mut drained,
                    wake,
                })
            }));
            let failure = match result {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(panic) => Some(EngineError::Died {
                    id: owned.id.clone(),
                    message: panic_message(panic.as_ref()),
                }),
            };
            // Published before the command channel closes, so that failed submissions get the
            // cause.
            let health = match &failure {
                None => Health::Stopped,
                Some(error) => Health::Died { message: error.to_string() },
            };
            status.write(|status| status.health = health);
            if let Some(device) = &owned.device {
                // Release the device claim: a dead engine has no demand.
                device.report(Demand::default());
            }
            // Drops pending commands; their senders see a closed channel.
            drop(commands);
            if let Some(error) = failure {
                tracing::error!(engine = owned.id, %error, "engine died");
                registry.fail_all(&error.to_string());
                // Only read if the spawner still waits.
                let _started = ready.try_send(Err(error));
            }
            // The machine and everything else is dropped by now.
            let _nobody = end.send(Some(drained.unwrap_or_default()));
        })
        .map_err(|error| setup(format!("cannot start its thread: {error}")))?;
    match is_ready.recv() {
        Ok(result) => result.map(|()| ended),
        Err(_) => Err(setup("its thread ended before the machine was ready".to_owned())),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked without a message".to_owned())
}

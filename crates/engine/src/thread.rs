//! Thread of an engine: start, hand-over of its machine, handling of its failure.
//!
//! Invariant: however the thread ends, its open requests get their last word before its end is
//! visible.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use harmonic_admission::Demand;
use tokio::sync::watch;

use crate::engine::{Allocation, Drained, EngineError, Health};
use crate::local::LocalConfig;
use crate::publisher::Publisher;
use crate::status::SharedStatus;

/// Open requests of an engine. They outlive a panic of its loop.
pub(crate) trait OpenRequests {
    /// Fails all of them after the engine died.
    fn fail_all(&mut self, message: &str);
}

/// Context of an engine thread: commands `C`, open requests `R`.
pub(crate) struct ThreadContext<'a, C, R> {
    pub(crate) config: &'a LocalConfig,
    pub(crate) commands: &'a Receiver<C>,
    pub(crate) requests: &'a mut R,
    status: &'a SharedStatus,
    ready: &'a SyncSender<Result<(), EngineError>>,
    drained: &'a mut Option<Drained>,
}

impl<C, R> ThreadContext<'_, C, R> {
    /// Reports the machine as ready.
    pub(crate) fn ready(&self, allocation: Allocation) {
        self.status.write(|status| status.allocation = allocation);
        // A failed send means that the spawner is gone, which also closes the command channel.
        let _gone = self.ready.send(Ok(()));
    }

    /// Records the result of the loop.
    ///
    /// # Errors
    /// [`EngineError::Died`] if the machine failed.
    pub(crate) fn ended(
        self,
        result: Result<Drained, crate::machine::MachineError>,
    ) -> Result<(), EngineError> {
        let id = &self.config.id;
        *self.drained =
            Some(result.map_err(|error| EngineError::Died {
                id: id.clone(),
                message: error.to_string(),
            })?);
        Ok(())
    }
}

/// Starts the thread, whose `body` creates a machine and drives it, and waits until the machine is
/// ready.
pub(crate) fn spawn<C: Send + 'static, R: OpenRequests>(
    config: &LocalConfig,
    commands: Receiver<C>,
    status: SharedStatus,
    requests: impl FnOnce(SharedStatus, Publisher) -> R + Send + 'static,
    body: impl FnOnce(ThreadContext<'_, C, R>) -> Result<(), EngineError> + Send + 'static,
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
            let mut requests = requests(status.clone(), publisher);
            let mut drained = None;
            let result = catch_unwind(AssertUnwindSafe(|| {
                body(ThreadContext {
                    config: &owned,
                    commands: &commands,
                    requests: &mut requests,
                    status: &status,
                    ready: &ready,
                    drained: &mut drained,
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
                requests.fail_all(&error.to_string());
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

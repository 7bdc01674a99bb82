//! Thread of a local engine: drives a machine with the scheduler.

use std::fmt;
use std::num::NonZeroUsize;

use crate::clock::Clock;
use crate::constraint::Wake;
use crate::drive::{Command, drive};
use crate::engine::EngineError;
use crate::local::LocalConfig;
use crate::machine::Machine;
use crate::request_registry::RequestRegistry;
use crate::sampling::Samplers;
use crate::scheduler::Scheduler;
use crate::thread::ThreadContext;

/// Context of an engine thread, from which a machine is driven.
pub struct EngineThread<'a> {
    pub(super) context: ThreadContext<'a, Command, RequestRegistry>,
    pub(super) wake: Wake,
}

impl fmt::Debug for EngineThread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engine = &self.context.config.id;
        f.debug_struct("EngineThread").field("engine", engine).finish_non_exhaustive()
    }
}

impl EngineThread<'_> {
    /// Configuration of the engine.
    pub fn config(&self) -> &LocalConfig {
        self.context.config
    }

    /// Reports the machine as ready and drives it until the engine is drained or dropped.
    ///
    /// # Errors
    /// [`EngineError::Died`] if the machine fails.
    pub fn drive<M: Machine>(self, machine: M, clock: &mut impl Clock) -> Result<(), EngineError> {
        let Self { context, wake } = self;
        let config = context.config;
        let scheduler = Scheduler::new(config.scheduler(machine.supports_partial_removal()));
        context.requests.publisher().slots_changed(&scheduler.load());
        context.ready(machine.allocation());
        let threads = NonZeroUsize::new(config.threads as usize);
        let samplers = Samplers::with_threads(threads.unwrap_or(NonZeroUsize::MIN)).with_wake(wake);
        let device = config.device.as_ref();
        let (commands, registry) = (context.commands, &mut *context.requests);
        let result = drive(machine, scheduler, commands, registry, device, clock, samplers);
        context.ended(result)
    }
}

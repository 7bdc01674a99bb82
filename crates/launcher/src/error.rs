//! Why there is no deployment.

use harmonic_engine::EngineError;
use harmonic_types::Bytes;

/// Why there is no deployment. Nothing runs after any of these.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The plan contradicts itself; plans that the planner made do not.
    #[error("the plan cannot be started: {reason}; make a new one with `harmonic plan --json`")]
    Unsound {
        /// What is wrong in it.
        reason: String,
    },
    /// Others hold the memory now.
    #[error(
        "the plan needs {needed} of memory and {available} are available now: stop what else uses \
         memory, or plan for fewer agents, shorter contexts or a smaller model"
    )]
    Memory {
        /// The plan's total.
        needed: Bytes,
        /// What is free now.
        available: Bytes,
    },
    /// An engine did not start.
    #[error("the engine {id} for {model} did not start")]
    Engine {
        /// [`harmonic_types::EnginePlan::id`].
        id: String,
        /// Its base model.
        model: String,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// What starts the engine panicked.
    #[error("starting the engine {id} failed in a way that is a bug, please report it: {message}")]
    Panicked {
        /// [`harmonic_types::EnginePlan::id`].
        id: String,
        /// What it said.
        message: String,
    },
    /// The engines took more than the plan may spend.
    #[error(
        "the engines allocated {allocated}, more than the budget of {budget}, and were stopped: \
         plan for fewer agents, shorter contexts or a smaller model"
    )]
    OverBudget {
        /// What they hold.
        allocated: Bytes,
        /// What the plan may spend.
        budget: Bytes,
    },
}

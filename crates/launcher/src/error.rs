//! Why there is no deployment, or no record of it.

use std::path::PathBuf;

use harmonic_engine::EngineError;
use harmonic_fsutil::FileError;
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
    /// Others hold the memory that an engine had before it died.
    #[error("the engine {id} needs {needed} of memory and {available} are available now")]
    EngineMemory {
        /// [`harmonic_types::EnginePlan::id`].
        id: String,
        /// What it takes.
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

/// Why the record of the deployments that run is of no use.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It cannot be written.
    #[error("cannot write the record of this deployment to {}: may you write there?", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: FileError,
    },
    /// It cannot be read.
    #[error("cannot read {}, where running deployments are recorded", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: FileError,
    },
    /// It is not what was written.
    #[error("{} is no record of a deployment ({reason}): delete it", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
}

//! Why there is no plan, no deployment, or no record of it.

use std::io;
use std::path::PathBuf;

use harmonic_engine::EngineError;
use harmonic_fsutil::FileError;
use harmonic_types::{Bytes, Plan};

/// Why a file is not a plan that this version starts.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// It cannot be read.
    #[error("cannot read the plan file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No plan is as long.
    #[error("the plan file {} is longer than {limit}, the longest that is read", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: Bytes,
    },
    /// It has the schema of another version, or of another document.
    #[error(
        "{} has the schema `{found}`, expected `{}`: make a new plan with `{command}`, and with \
         the --stack and --engine that this one was made with",
        path.display(),
        Plan::SCHEMA
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// What it has, escaped and cut to a line.
        found: String,
        /// What makes a plan of this version.
        command: String,
    },
    /// It is no JSON, or not that of a plan.
    #[error(
        "{} is not a plan as `harmonic plan --json` prints it; make a new one with `{command}`",
        path.display()
    )]
    NotAPlan {
        /// The file.
        path: PathBuf,
        /// What makes a plan.
        command: String,
        /// What is wrong in it.
        #[source]
        source: serde_json::Error,
    },
}

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

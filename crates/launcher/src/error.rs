//! Errors of reading a plan, of a launch, and of the instance registry.

use std::io;
use std::path::PathBuf;

use harmonic_engine::EngineError;
use harmonic_fsutil::FileError;
use harmonic_types::{Bytes, Plan};

/// Error of reading a plan file.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// The file cannot be read.
    #[error("cannot read the plan file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The file is longer than any plan.
    #[error("the plan file {} is too large: expected at most {limit}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Largest file that is read.
        limit: Bytes,
    },
    /// The schema is that of another version or document.
    #[error(
        "{} has the schema `{found}`, expected `{}`: make a new plan with `{command}`, and with \
         the --stack and --engine that this one was made with",
        path.display(),
        Plan::SCHEMA
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// The schema found, escaped and truncated.
        found: String,
        /// Command that makes a plan of this version.
        command: String,
    },
    /// The content is not JSON, or not a plan.
    #[error(
        "{} is not a plan as `harmonic plan --json` prints it; make a new one with `{command}`",
        path.display()
    )]
    NotAPlan {
        /// The file.
        path: PathBuf,
        /// Command that makes a plan.
        command: String,
        /// Error of the parser.
        #[source]
        source: serde_json::Error,
    },
}

/// Error of a launch; no engine runs after it.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The plan contradicts itself or has impossible amounts; the planner makes no such plan.
    #[error("invalid plan: {reason}; make a new one with `harmonic plan --json`")]
    InvalidPlan {
        /// The offending part, and what was expected.
        reason: String,
    },
    /// Less memory is free than the plan needs.
    #[error(
        "the plan needs {needed} of memory and {available} are available now: stop what else uses \
         memory, or plan for fewer agents, shorter contexts or a smaller model"
    )]
    InsufficientMemory {
        /// The plan's total.
        needed: Bytes,
        /// What is free now.
        available: Bytes,
    },
    /// Less memory is free than an engine needs to restart.
    #[error("the engine {id} needs {needed} of memory and {available} are available now")]
    EngineMemory {
        /// [`harmonic_types::EnginePlan::id`].
        id: String,
        /// [`harmonic_types::EnginePlan::total_bytes`].
        needed: Bytes,
        /// What is free now.
        available: Bytes,
    },
    /// An engine did not start.
    #[error("the engine {id} for {model} did not start")]
    Engine {
        /// [`harmonic_types::EnginePlan::id`].
        id: String,
        /// Base model.
        model: String,
        /// Error of the engine.
        #[source]
        source: EngineError,
    },
    /// The engine factory panicked.
    #[error("starting the engine {id} panicked, which is a bug, please report it: {message}")]
    Panicked {
        /// [`harmonic_types::EnginePlan::id`].
        id: String,
        /// Message of the panic.
        message: String,
    },
    /// The engines allocated more than the plan's budget.
    #[error(
        "the engines allocated {allocated}, more than the budget of {budget}, and were stopped: \
         plan for fewer agents, shorter contexts or a smaller model"
    )]
    OverBudget {
        /// Allocated by all engines.
        allocated: Bytes,
        /// [`harmonic_types::PlanHardware::memory_budget_bytes`].
        budget: Bytes,
    },
}

/// Error of the instance registry.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// A record cannot be written.
    #[error("cannot write the record of this deployment to {}: check the permissions of its folder", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Error of the file system.
        #[source]
        source: FileError,
    },
    /// A record or the folder cannot be read.
    #[error("cannot read {}, where running deployments are recorded", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Error of the file system.
        #[source]
        source: FileError,
    },
    /// A record is damaged.
    #[error("invalid deployment record {} ({reason}): delete it", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Error of the parser.
        reason: String,
    },
}

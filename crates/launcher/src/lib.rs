//! From a plan to running engines, and back to nothing.
//!
//! Owns: reading a plan file, the order in which engines start and stop, the check of the plan against the memory that
//! is there, the check of what the engines really allocated against the plan's ledger, the
//! supervision of engines that die, and the record on disk of the deployments that run.
//!
//! Invariants: a deployment has every engine of its plan, or does not exist; after a drain, a failed
//! start or a drop no engine runs; a process is signalled only while it is the one that was recorded.
//!
//! Does not do: making engines (the caller's [`EngineFactory`] does), serving, detecting, printing.
#![forbid(unsafe_code)]

mod deployment;
mod engine_factory;
mod error;
#[cfg(test)]
mod fixtures;
mod plan_file;
mod process;
mod restart_policy;
mod runs;
mod start;
mod supervised;
mod validate;
mod verify_allocation;

pub use deployment::{Deployment, EngineDrained, PlacedAgent};
pub use engine_factory::{EngineFactory, Progress, Silent};
pub use error::{LaunchError, PlanFileError, RunError};
pub use plan_file::read_plan;
pub use process::ProcessId;
pub use runs::{Recorded, Run, RunAgent, Runs};

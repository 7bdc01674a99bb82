//! From a plan to running engines, and back to nothing.
//!
//! Owns: reading a plan file, the order in which engines start and stop, the check of the plan against the memory that
//! is there, the check of what the engines really allocated against the plan's ledger, the
//! supervision of engines that die, and the record on disk of the deployments that run.
//!
//! Invariants: a deployment has every engine of its plan, or does not exist; after a drain, a failed
//! start or a drop no engine runs; a process is signalled only while it is the one that was recorded.
//!
//! Does not do: making engines (the caller's [`Starter`] does), serving, detecting, printing.
#![forbid(unsafe_code)]

mod audit;
mod deployment;
mod error;
#[cfg(test)]
mod fixtures;
mod plan_file;
mod process;
mod restarts;
mod runs;
mod soundness;
mod start;
mod starter;
mod supervised;

pub use deployment::{Deployment, EngineDrained, PlacedAgent};
pub use error::{LaunchError, PlanFileError, RunError};
pub use plan_file::read_plan;
pub use process::ProcessMark;
pub use runs::{Recorded, Run, RunAgent, Runs};
pub use starter::{Progress, Silent, Starter};

//! Launching a plan: starting, supervising and draining its engines.
//!
//! Owns: reading and validating plan files, the order in which engines start and stop, the check of
//! the plan against the available memory and of the actual allocations against the plan's ledger,
//! the restart of engines that die, and the registry of running instances on disk.
//!
//! Invariants: a deployment has every engine of its plan, or does not exist; after a drain, a
//! failed start or a drop no engine runs; a process is signalled only while it is the one that was
//! recorded.
//!
//! Does not do: making engines (the caller's [`EngineFactory`] does), serving, detection, printing.
#![forbid(unsafe_code)]

mod deployment;
mod engine_factory;
mod engine_starter;
mod error;
#[cfg(test)]
mod fixtures;
mod instances;
mod plan_file;
mod process;
mod restart_policy;
mod supervised;
mod validate;
mod verify_allocation;

pub use deployment::{Deployment, EngineDrained, PlacedAgent};
pub use engine_factory::{EngineFactory, NoProgress, Progress};
pub use error::{InstanceError, LaunchError, PlanFileError};
pub use instances::{Instance, InstanceAgent, InstanceGuard, InstanceRegistry};
pub use plan_file::read_plan;
pub use process::ProcessId;

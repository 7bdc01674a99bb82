//! From a plan to running engines, and back to nothing.
//!
//! Owns: the order in which engines start and stop, the check of the plan against the memory that
//! is there, and the check of what the engines really allocated against the plan's ledger.
//!
//! Invariants: a deployment has every engine of its plan, or does not exist; after a drain, a failed
//! start or a drop no engine runs.
//!
//! Does not do: making engines (the caller's [`Starter`] does), serving, detecting, printing.
#![forbid(unsafe_code)]

mod audit;
mod deployment;
mod error;
mod soundness;
mod starter;

pub use deployment::{Deployment, EngineDrained, PlacedAgent};
pub use error::LaunchError;
pub use starter::{Progress, Silent, Starter};

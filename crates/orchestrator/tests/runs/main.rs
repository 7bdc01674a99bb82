//! Runs as their driver sees them: inputs in, actions out.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod approvals;
mod budgets;
mod execution;
mod goldens;
mod planning;
mod properties;
mod support;
mod tools;

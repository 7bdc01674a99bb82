//! Runs as their driver sees them: inputs in, actions out.

mod approvals;
mod budgets;
mod execution;
mod goldens;
mod planning;
mod properties;
mod support;
mod tools;

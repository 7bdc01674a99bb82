//! Plans of the paper's stack on the paper's machines, and properties of any plan.

mod attention;
mod curves;
mod embedding;
mod engines;
mod exact;
mod fixtures;
mod growth;
mod limits;
mod paper;
mod stacks;
mod tuned;

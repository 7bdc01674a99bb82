//! Plans of the paper's stack on the paper's machines, and what must hold for any plan.

mod attention;
mod curves;
mod exact;
mod fixtures;
mod objective;
mod paper;
mod tuned;

//! Paired statistics: the same items answered by two sides.

mod bootstrap;
mod mcnemar;

pub use bootstrap::paired_difference;
pub use mcnemar::exact_mcnemar;

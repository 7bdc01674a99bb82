//! The physics and mathematics of parallel inference, once.
//!
//! Owns: KV cache sizes ([`kv`]), the time of one engine step and the roof that follows from it
//! ([`step`]), the curves that a scaling series follows ([`mod@line`], [`usl`]), its reading
//! ([`mod@verdict`]), and a hash for reproducible figures ([`mix()`]).
//!
//! Invariants: every function is pure and total. Sizes saturate instead of overflowing; a machine
//! that cannot move a byte never finishes ([`std::time::Duration::MAX`]).
//!
//! Does not do: I/O, policy, or any figure of a particular machine.
#![forbid(unsafe_code)]

pub mod kv;
mod least_squares;
pub mod line;
mod mix;
pub mod step;
pub mod usl;
pub mod verdict;

pub use kv::{CACHE_ALIGNMENT, CacheShape, KvCost, aligned};
pub use line::StepLine;
pub use mix::mix;
pub use step::{MachineModel, StepLoad, WeightCost, roof, step_time};
pub use usl::{Optimum, OptimumInterval, ScalabilityLaw, optimum};
pub use verdict::{LevelThroughput, verdict, verdict_within};

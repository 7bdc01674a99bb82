//! Performance model of parallel inference.
//!
//! Owns: KV cache sizes ([`kv`]), the time of one engine step and the roof derived from it
//! ([`step`]), the scaling curves ([`mod@line`], [`usl`]), the verdict on a scaling series
//! ([`mod@verdict`]) and when it is withheld ([`judgement`]), when runs of a team are real-time
//! ([`REAL_TIME`]), the load of other programs ([`load`]),
//! and a hash for reproducible figures ([`mix()`]).
//!
//! Invariants: every function is pure and total. Sizes saturate instead of overflowing; a step on a
//! machine without bandwidth or compute takes [`std::time::Duration::MAX`].
//!
//! Does not do: I/O, policy, or any figure of a particular machine.
#![forbid(unsafe_code)]

mod hash;
pub mod judgement;
pub mod kv;
mod least_squares;
pub mod line;
pub mod load;
mod real_time;
pub mod step;
pub mod usl;
pub mod verdict;

pub use hash::mix;
pub use judgement::{
    Conditions, WIDE_HALF_WIDTH, judge, judge_with_stated, relative_half_width, unqualified,
};
pub use kv::{CACHE_ALIGNMENT, CacheShape, KvCost, aligned};
pub use line::StepLine;
pub use load::{BUSY_SHARE, Disturbance, load_between, load_figures, load_over};
pub use real_time::{REAL_TIME, is_real_time, real_time_range};
pub use step::{MachineModel, StepLoad, WeightCost, roof, step_time};
pub use usl::{Optimum, OptimumInterval, ScalabilityLaw, optimum};
pub use verdict::{LevelThroughput, verdict, verdict_within};

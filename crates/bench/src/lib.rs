//! `harmonic bench`: how a target's output throughput grows with the sequences in flight.
//!
//! Owns: the load (a closed loop with refill), the steady windows that are measured under it, and
//! the statistics over them.
//!
//! Invariants: the target is a black box behind [`Target`]; tokens are counted from the target's
//! own usage; no figure is made up (what was not measured is `None`); time is tokio's, so a test
//! can pause it.
//!
//! Does not do: start servers, print, read the environment, decide what a series means (that is
//! `laws`), or show it (`report`).
#![forbid(unsafe_code)]

pub mod choice;
mod closed_loop;
pub mod config;
mod diagnosis;
pub mod error;
pub mod interval;
mod latency;
mod level;
mod meter;
pub mod observer;
mod prompt;
pub mod run;
mod tally;
pub mod target;
pub mod warning;
mod window;

pub use choice::{Contender, choose};
pub use config::{BenchConfig, Levels, Load, Protocol};
pub use error::{BenchError, LevelsError};
pub use interval::interval;
pub use observer::{Observer, Phase, Progress, Silent};
pub use run::run;
pub use target::http::HttpTarget;
pub use target::{Answer, Arrival, Ask, Counted, Target, TargetError};
pub use warning::Warning;

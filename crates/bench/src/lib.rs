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
//! `perfmodel`), or show it (`report`).
#![forbid(unsafe_code)]

pub mod against;
mod asks;
mod calibration;
mod closed_loop;
pub mod config;
mod diagnosis;
pub mod error;
mod event_loop_lag;
pub mod instruments;
pub mod interval;
mod latency;
mod level;
pub mod levels;
mod measured;
mod meter;
pub mod observer;
mod open_loop;
mod prefill;
mod prompt;
pub mod protocol;
mod record;
pub mod run;
mod tally;
pub mod target;
pub mod warning;
mod waves;
mod window;

pub use against::{Against, LevelRatio, against};
pub use config::{BenchConfig, Load};
pub use error::{BenchError, LevelsError};
pub use instruments::Telemetry;
pub use interval::interval;
pub use levels::{Levels, Step};
pub use observer::{Observer, Phase, Progress, Silent};
pub use prefill::prefill;
pub use protocol::{PAPER_LEVELS, Protocol};
pub use run::run;
pub use target::http::{HttpTarget, Wire};
pub use target::{Answer, Arrival, Ask, Counted, Target, TargetError};
pub use warning::Warning;

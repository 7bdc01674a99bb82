//! Benchmark: output throughput of a target as a function of the sequences in flight.
//!
//! Owns: load generation (closed loop, open loop, batches), the steady windows measured under load,
//! and their statistics.
//!
//! Invariants: the target is a black box behind [`Target`]; tokens are counted from the target's
//! reported usage; a figure that was not measured is `None`; time is tokio's, so tests can pause it.
//!
//! Does not do: start servers, print, read the environment, compute the verdict on a series
//! (`perfmodel`), or display it (`report`).
#![forbid(unsafe_code)]

pub mod ab_compare;
mod batch_load;
mod calibration;
mod closed_loop;
mod completed_request;
pub mod config;
mod diagnosis;
pub mod error;
mod event_loop_lag;
mod findings;
pub mod interval;
mod latency;
mod level;
mod level_warning;
pub mod levels;
mod load_before;
mod measurement;
pub mod observer;
mod open_loop;
mod prefill;
mod prompt;
pub mod protocol;
mod record;
pub mod run;
mod run_figures;
pub mod target;
pub mod telemetry;
mod throughput_recorder;
mod usage_totals;
pub mod warning;
mod window;
mod workload;

pub use ab_compare::{AbComparison, LevelRatio, ab_compare};
pub use config::{BenchConfig, Load};
pub use error::{BenchError, LevelsError};
pub use interval::interval;
pub use levels::{Levels, LoadPoint};
pub use observer::{BenchEvent, NullObserver, Observer, Phase};
pub use prefill::prefill_rate;
pub use protocol::{PAPER_LEVELS, Protocol};
pub use run::run;
pub use target::http::{HttpTarget, TargetDialect};
pub use target::runs::RunTarget;
pub use target::{ReportedUsage, RequestSpec, ResponseStream, StreamEvent, Target, TargetError};
pub use telemetry::Telemetry;
pub use warning::Warning;

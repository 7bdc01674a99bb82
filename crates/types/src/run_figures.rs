//! Runs of a team in the record of a benchmark: what was started, and what came of it.

use serde::{Deserialize, Serialize};

use crate::bench::Interval;
use crate::units::Joules;

/// Runs that a benchmark keeps going, in place of single requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunWorkload {
    /// Recipe of the runs.
    pub recipe: String,
    /// Base models of the team, each once.
    pub models: Vec<String>,
    /// When runs count as real-time.
    pub real_time: RealTimeLimits,
}

/// Limits within which the median run of a level is real-time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RealTimeLimits {
    /// Time from the request to the first text of any task, in milliseconds.
    pub first_ms: f64,
    /// Time from the request to the whole answer, in milliseconds.
    pub makespan_ms: f64,
}

/// Figures of the runs at a level, beside those of [`crate::LevelResult`]: there a request is a run,
/// `ttft_ms` the time to the first text of any task, and `e2e_ms` the makespan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFigures {
    /// Runs that ended per hour; `None` where none did.
    pub per_hour: Option<Interval>,
    /// Energy of a run; `None` without a meter.
    pub joules: Option<JoulesPerRun>,
    /// Whether the median run kept both limits; `None` where none ended.
    pub real_time: Option<bool>,
}

/// Energy of the machine over the windows ÷ runs that ended in them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct JoulesPerRun {
    /// All energy of the meter's scope.
    pub gross: Joules,
    /// Energy above that of the idle machine; `None` where idle power was not measured, or the load
    /// is not told from it.
    pub net: Option<Joules>,
}

/// How many runs at a time are real-time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealTimeRange {
    /// Highest level up to which all measured ones are; `None` where the lowest is not.
    pub up_to: Option<u32>,
}

//! Warnings about single levels.
//!
//! Owns: [`LevelWarning`], and when a level raises which.
//!
//! Invariants: codes are stable (scripts match on them); a warning consists of a statement that holds
//! for every level that raises it, and of the figure of one level, so that it is said once for all of
//! them ([`crate::findings`]).
//!
//! Does not do: judge a series (`perfmodel`), or compare levels (`diagnosis`).

use std::time::Duration;

use harmonic_perfmodel::{Disturbance, WIDE_HALF_WIDTH, relative_half_width};
use harmonic_types::{Interval, LevelResult, counted};

use crate::config::BenchConfig;
use crate::measurement::{EndReason, Outcome};

/// Finding about a level that its figures do not show.
#[derive(Clone, Debug, PartialEq)]
pub enum LevelWarning {
    /// Requests failed.
    Failures {
        /// Failed requests.
        failures: u64,
        /// Completed requests.
        finished: u64,
        /// First error.
        first: String,
        /// Remedy for that error.
        hint: &'static str,
    },
    /// The level has no figures.
    NotSteady {
        /// Streams that had output.
        streaming: u32,
        /// Streams of the level.
        of: u32,
        /// Time limit of the level.
        limit_s: f64,
    },
    /// The level has fewer windows than requested.
    FewWindows {
        /// Windows measured.
        trials: u32,
        /// Windows requested.
        wanted: u32,
    },
    /// The confidence interval is too wide.
    WideInterval {
        /// Windows measured.
        trials: u32,
        /// Half-width, as a fraction of the mean.
        reached: f64,
        /// Half-width above which it is too wide.
        wanted: f64,
    },
    /// The arrival rate exceeds the completion rate.
    Overrun {
        /// Maximum requests in flight.
        streaming: u32,
    },
    /// Throughput above the roof.
    AboveRoof {
        /// Measured throughput: the lower bound, where there is one.
        tok_s: f64,
        /// Roof in tokens per second.
        roof: f64,
    },
    /// The hardware was throttled.
    Throttled {
        /// Highest temperature, °C.
        temperature_c: Option<f64>,
    },
    /// The client was too slow to time the responses.
    ClientBound {
        /// Median lag of the event loop.
        lag_ms: f64,
        /// Median gap between outputs of a stream.
        itl_ms: f64,
    },
    /// Others used the machine.
    Busy(Disturbance),
    /// A CPU quota stopped the measurement's processes.
    CpuQuota {
        /// CPUs withheld, mean.
        cpus: f64,
    },
}

impl LevelWarning {
    /// Stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Failures { .. } => "failures",
            Self::NotSteady { .. } => "not-steady",
            Self::FewWindows { .. } => "few-windows",
            Self::WideInterval { .. } => "wide-interval",
            Self::Overrun { .. } => "overrun",
            Self::AboveRoof { .. } => "above-roof",
            Self::Throttled { .. } => "throttled",
            Self::ClientBound { .. } => "client-bound",
            Self::Busy(Disturbance::Programs { .. }) => "busy",
            Self::Busy(Disturbance::Hypervisor { .. }) => "stolen-time",
            Self::CpuQuota { .. } => "cpu-quota",
        }
    }

    /// Text common to all levels that raise it.
    pub fn statement(&self) -> String {
        match self {
            Self::Failures { .. } => "requests failed".to_owned(),
            Self::NotSteady { .. } => {
                "no steady state within the time limit, so there are no figures".to_owned()
            }
            Self::FewWindows { wanted, .. } => {
                format!("fewer than {} fit the time limit", counted(*wanted, "window"))
            }
            Self::WideInterval { wanted, .. } => {
                format!("the 95% interval is wider than ±{:.0}%", wanted * 100.0)
            }
            Self::Overrun { .. } => {
                "the server is overloaded, the requests in flight grow with each window".to_owned()
            }
            Self::AboveRoof { .. } => {
                "throughput exceeds the roof given by the memory bandwidth and \
                                       arithmetic of this machine"
                    .to_owned()
            }
            Self::Throttled { .. } => "the hardware was throttled".to_owned(),
            Self::ClientBound { .. } => {
                "the client's event loop lags by more than half of the time \
                                         between tokens, so the figures are limited by the client"
                    .to_owned()
            }
            Self::Busy(Disturbance::Programs { .. }) => {
                "the machine was busy, other programs used its CPUs".to_owned()
            }
            Self::Busy(Disturbance::Hypervisor { .. }) => {
                "the machine was busy, its hypervisor withheld CPUs".to_owned()
            }
            Self::CpuQuota { .. } => "a CPU quota stopped the benchmark or the server".to_owned(),
        }
    }

    /// Figure of the level; `None` where there is none.
    pub fn figure(&self) -> Option<String> {
        Some(match self {
            Self::Failures { failures, finished, .. } => {
                format!("{failures} of {}", failures + finished)
            }
            Self::NotSteady { streaming, of, limit_s } if streaming < of => {
                format!(
                    "{streaming} of {} had output within {limit_s:.0} s",
                    counted(*of, "stream")
                )
            }
            Self::NotSteady { limit_s, .. } => {
                format!("no window with a finished answer within {limit_s:.0} s")
            }
            Self::FewWindows { trials, .. } => trials.to_string(),
            Self::WideInterval { trials, reached, .. } => {
                format!("±{:.0}% after {}", reached * 100.0, counted(*trials, "window"))
            }
            Self::Overrun { streaming } => format!("up to {streaming}"),
            Self::AboveRoof { tok_s, roof } => format!("{tok_s:.0} of {roof:.0} tok/s"),
            Self::Throttled { temperature_c } => format!("at up to {:.0} °C", (*temperature_c)?),
            Self::ClientBound { lag_ms, itl_ms } => format!("{lag_ms:.0} of {itl_ms:.0} ms"),
            Self::Busy(
                Disturbance::Programs { used: size, cpus }
                | Disturbance::Hypervisor { taken: size, cpus },
            ) => format!("{size:.2} of {cpus}"),
            Self::CpuQuota { cpus } => format!("{cpus:.2} CPUs"),
        })
    }

    /// First error, which completes the message.
    pub fn first_error(&self) -> Option<&str> {
        match self {
            Self::Failures { first, .. } => Some(first),
            _ => None,
        }
    }

    /// Remedy.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Failures { hint, .. } => hint,
            Self::NotSteady { .. } | Self::FewWindows { .. } => {
                "run without `--quick`, or with fewer levels"
            }
            Self::WideInterval { .. } => "use more and longer windows: `--thorough`",
            Self::Overrun { .. } => "use a lower rate: latencies at this one grow with time",
            Self::AboveRoof { .. } => {
                "check for a response cache, speculative decoding, or a wrong bandwidth (`--probe` \
                 measures it)"
            }
            Self::Throttled { .. } => {
                "check the cooling and the power limit, let the machine cool down and measure again"
            }
            Self::ClientBound { .. } => {
                "reserve a core for the client, or run it on another machine with `--target`"
            }
            Self::Busy(Disturbance::Programs { .. }) => {
                "end the other programs (`top` lists them) or wait for them, then measure again"
            }
            Self::Busy(Disturbance::Hypervisor { .. }) => {
                "measure again at another time, or on a machine with CPUs of its own"
            }
            Self::CpuQuota { .. } => {
                "raise the quota of the container or control group (`cpu.max`), or start fewer threads"
            }
        }
    }
}

/// Relative margin for noise of a good series.
const NOISE_MARGIN: f64 = 0.05;

/// Lag below which a delay is within the resolution of the timer.
const MIN_LAG: Duration = Duration::from_millis(5);

/// CPUs from which on the effect of a quota is worth a warning.
const MIN_THROTTLED_CPUS: f64 = 0.1;

/// Warnings of a level with this `outcome` and these figures, measured within `limit`.
pub(crate) fn of_level(
    outcome: &Outcome,
    result: &LevelResult,
    config: &BenchConfig,
    limit: Duration,
) -> Vec<LevelWarning> {
    let warnings = [
        failures(outcome, result),
        how_it_ended(outcome, result, config, limit),
        wide_interval(outcome, result, config),
        above_roof(result),
        throttled(result),
        client_bound(outcome, result),
        result.load.as_ref().and_then(Disturbance::of).map(LevelWarning::Busy),
        cpu_quota(result),
    ];
    warnings.into_iter().flatten().collect()
}

fn failures(outcome: &Outcome, result: &LevelResult) -> Option<LevelWarning> {
    let error = outcome.first_error.as_ref().filter(|_| result.failures > 0)?;
    Some(LevelWarning::Failures {
        failures: result.failures,
        finished: outcome.measurement.done().count() as u64,
        first: error.to_string(),
        hint: error.hint(),
    })
}

fn how_it_ended(
    outcome: &Outcome,
    result: &LevelResult,
    config: &BenchConfig,
    limit: Duration,
) -> Option<LevelWarning> {
    let (trials, wanted, streaming) = (result.trials, config.trials, outcome.measurement.streaming);
    match outcome.ended {
        EndReason::TimeUp if result.tok_s.is_none() => {
            let (of, limit_s) = (result.parallel, limit.as_secs_f64());
            Some(LevelWarning::NotSteady { streaming, of, limit_s })
        }
        EndReason::TimeUp if trials < wanted => Some(LevelWarning::FewWindows { trials, wanted }),
        EndReason::Overrun => Some(LevelWarning::Overrun { streaming }),
        EndReason::Complete | EndReason::TimeUp | EndReason::TargetDied | EndReason::Stopped => {
            None
        }
    }
}

/// Wider than requested, although all windows were measured, or too wide for any use.
fn wide_interval(
    outcome: &Outcome,
    result: &LevelResult,
    config: &BenchConfig,
) -> Option<LevelWarning> {
    let reached = result.tok_s.and_then(relative_half_width)?;
    let wanted = config.target_half_width.unwrap_or(WIDE_HALF_WIDTH).min(WIDE_HALF_WIDTH);
    let is_whole = result.trials >= config.trials && outcome.ended != EndReason::Stopped;
    let is_wide = reached > WIDE_HALF_WIDTH || (is_whole && reached > wanted);
    is_wide.then_some(LevelWarning::WideInterval { trials: result.trials, reached, wanted })
}

/// Above the roof by more than the interval and the margin.
fn above_roof(result: &LevelResult) -> Option<LevelWarning> {
    let (tok_s, roof) = (least(result.tok_s?), result.roof_tok_s?.0);
    let is_above = roof > 0.0 && tok_s > roof * (1.0 + NOISE_MARGIN);
    is_above.then_some(LevelWarning::AboveRoof { tok_s, roof })
}

/// Lower bound of an interval, or the mean where it has none.
fn least(rate: Interval) -> f64 {
    rate.ci95_low.unwrap_or(rate.mean)
}

fn throttled(result: &LevelResult) -> Option<LevelWarning> {
    let sensors = result.sensors.filter(|sensors| sensors.throttled == Some(true))?;
    Some(LevelWarning::Throttled { temperature_c: sensors.temperature_c })
}

/// Raised if the event loop lags by more than half of the gap between tokens, so that the client
/// cannot time them.
fn client_bound(outcome: &Outcome, result: &LevelResult) -> Option<LevelWarning> {
    let lag = outcome.measurement.lag.filter(|lag| *lag > MIN_LAG)?;
    let (lag_ms, itl_ms) = (lag.as_secs_f64() * 1e3, result.itl_ms?.p50);
    (lag_ms > itl_ms / 2.0).then_some(LevelWarning::ClientBound { lag_ms, itl_ms })
}

fn cpu_quota(result: &LevelResult) -> Option<LevelWarning> {
    let cpus = result.load?.throttled_cpus.filter(|cpus| *cpus >= MIN_THROTTLED_CPUS)?;
    Some(LevelWarning::CpuQuota { cpus })
}

#[cfg(test)]
mod tests;

//! A/B comparison: two targets measured alternately, and the ratio of their throughputs.
//!
//! Owns: the rounds. In each, every level is measured once at both targets, one right after the
//! other; the order alternates from round to round, so that thermal drift and other load affect
//! both equally.
//!
//! Invariants: a ratio is computed from the pairs of a round, never from separate means; its
//! interval is Student's t over the logarithms of the pairs.
//!
//! Does not do: judge the ratio, or compare open loops.

use harmonic_types::{BenchRun, Interval};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::closed_loop::LoadContext;
use crate::config::{BenchConfig, Load};
use crate::error::BenchError;
use crate::interval::interval;
use crate::level::Environment;
use crate::levels::LoadPoint;
use crate::measurement::{EndReason, Outcome};
use crate::observer::{BenchEvent, Observer};
use crate::record::RecordBuilder;
use crate::run::{idle, measure, points, preflight};
use crate::target::Target;
use crate::telemetry::Telemetry;
use crate::workload::Workload;

/// Throughput ratio at one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelRatio {
    /// Number of streams.
    pub parallel: u32,
    /// Throughput of the first ÷ that of the second; `None` where no pair was measured.
    pub ratio: Option<Interval>,
    /// Number of pairs measured.
    pub pairs: u32,
}

/// Records of both targets and their ratios, ascending by level.
#[derive(Clone, Debug, PartialEq)]
pub struct AbComparison {
    /// Record of the first target.
    pub first: BenchRun,
    /// Record of the second target.
    pub second: BenchRun,
    /// First ÷ second.
    pub ratios: Vec<LevelRatio>,
}

/// State of one target between its turns.
struct Arm<'a, T> {
    target: &'a T,
    load: &'a Load,
    /// Config of the whole run: one trial per round, without a target width of the interval.
    whole: BenchConfig,
    /// Config of one turn: a single trial.
    turn: BenchConfig,
    words: u32,
    next: u64,
    outcomes: Vec<(LoadPoint, Outcome)>,
    record: RecordBuilder,
}

impl<'a, T: Target> Arm<'a, T> {
    async fn new(target: &'a T, config: &'a BenchConfig) -> Result<Self, BenchError> {
        config.check()?;
        let mut record = RecordBuilder::default();
        config.warnings.iter().for_each(|warning| record.warn(warning.clone()));
        let words = preflight(target, config, &mut record).await?;
        let whole = BenchConfig { target_half_width: None, ..config.clone() };
        let turn = BenchConfig { trials: 1, max_trials: 1, ..whole.clone() };
        // `check` guarantees at least one.
        let load = &config.loads[0];
        let outcomes = Vec::new();
        Ok(Self { target, load, whole, turn, words, next: 1 << 16, outcomes, record })
    }

    /// Measures one turn at a level: its throughput, and whether to continue.
    async fn measure(
        &mut self,
        parallel: u32,
        telemetry: &Telemetry,
        observer: &dyn Observer,
        stop: &CancellationToken,
    ) -> (Option<f64>, bool) {
        let workload = Workload::new(&self.turn, self.load, self.words, self.next);
        let context = LoadContext { workload: &workload, telemetry, stop };
        let limit = self.whole.level_limit;
        let level = LoadPoint::Parallel(parallel);
        let outcome = measure(self.target, context, level, limit, observer).await;
        self.next = workload.requests();
        let rate = outcome.measurement.trials.first().map(|trial| trial.tok_s);
        let go_on = !matches!(outcome.ended, EndReason::TargetDied | EndReason::Stopped);
        match self.outcomes.iter_mut().find(|(known, _)| *known == level) {
            Some((_, known)) => known.join(outcome),
            None => self.outcomes.push((level, outcome)),
        }
        (rate.filter(|rate| *rate > 0.0), go_on)
    }

    fn finish(mut self, environment: &Environment, order: Vec<u32>) -> BenchRun {
        self.record.start_series(self.load);
        for (point, outcome) in &self.outcomes {
            self.record.add_level(
                *point,
                self.whole.level_limit,
                outcome,
                &self.whole,
                environment,
            );
        }
        self.record.finish(self.target.name(), &self.whole, self.words, order)
    }
}

/// Measures `first` and `second` alternately, in as many rounds as the `trials` of the first, each
/// with its first load.
///
/// # Errors
/// As [`crate::run()`].
pub async fn ab_compare<T: Target>(
    first: (&T, &BenchConfig),
    second: (&T, &BenchConfig),
    telemetry: &Telemetry,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<AbComparison, BenchError> {
    let ready = async {
        let arms = [Arm::new(first.0, first.1).await?, Arm::new(second.0, second.1).await?];
        Ok((arms, idle(first.1, telemetry, observer).await))
    };
    let (mut arms, idle) = tokio::select! {
        biased;
        () = stop.cancelled() => return Err(BenchError::Stopped),
        ready = ready => ready?,
    };
    for arm in &mut arms {
        arm.record.set_load_before(idle.load);
    }
    let (rounds, started) = (first.1.trials, Instant::now());
    let order: Vec<u32> = points(first.1).iter().filter_map(LoadPoint::parallel).collect();
    let mut pairs: Vec<(u32, Vec<f64>)> = order.iter().map(|level| (*level, Vec::new())).collect();
    let of = rounds * u32::try_from(order.len() * 2).unwrap_or(u32::MAX);
    let mut number = 0;
    'rounds: for round in 0..rounds {
        for (level, logs) in &mut pairs {
            let mut rates = [None; 2];
            for turn in 0..2 {
                let index = (turn + round as usize) % 2;
                let arm = &mut arms[index];
                number += 1;
                observer.event(&BenchEvent::LevelStarted {
                    load: arm.load,
                    point: LoadPoint::Parallel(*level),
                    number,
                    of,
                });
                let (rate, go_on) = arm.measure(*level, telemetry, observer, stop).await;
                rates[index] = rate;
                if !go_on {
                    break 'rounds;
                }
            }
            if let [Some(first), Some(second)] = rates {
                logs.push((first / second).ln());
            }
        }
    }
    if stop.is_cancelled() && pairs.iter().all(|(_, logs)| logs.is_empty()) {
        return Err(BenchError::Stopped);
    }
    let scope = telemetry.scope();
    let environment =
        Environment { started, slo: first.1.slo, scope, idle: idle.power, real_time: None };
    let [first, second] = arms.map(|arm| arm.finish(&environment, order.clone()));
    pairs.sort_by_key(|(level, _)| *level);
    let ratios = pairs.into_iter().map(|(parallel, logs)| ratio(parallel, &logs)).collect();
    Ok(AbComparison { first, second, ratios })
}

/// Geometric mean of the pairs, and its interval.
fn ratio(parallel: u32, logs: &[f64]) -> LevelRatio {
    let ratio = interval(logs).map(|found| Interval {
        mean: found.mean.exp(),
        ci95_low: found.ci95_low.map(f64::exp),
        ci95_high: found.ci95_high.map(f64::exp),
    });
    LevelRatio { parallel, ratio, pairs: u32::try_from(logs.len()).unwrap_or(u32::MAX) }
}

impl Outcome {
    /// Appends a later turn of the same load.
    fn join(&mut self, later: Self) {
        self.measurement.join(later.measurement);
        self.first_error = self.first_error.take().or(later.first_error);
        self.ended = later.ended;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_mean_of_logarithms() {
        let found = ratio(8, &[2.0_f64.ln(), 0.5_f64.ln()]).ratio.unwrap();
        assert!((found.mean - 1.0).abs() < 1e-12, "{found:?}");
        assert!((found.ci95_low.unwrap() * found.ci95_high.unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(ratio(8, &[]).ratio, None);
        assert_eq!(ratio(8, &[0.0]).ratio.unwrap().ci95_low, None, "one pair");
    }
}

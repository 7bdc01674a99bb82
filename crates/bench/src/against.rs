//! Two targets in turns, and the ratio of their throughputs.
//!
//! Owns: the rounds: in each, every level is measured once at both, one right after the other, and
//! who is first changes from round to round, so that a machine that warms up or gets busy treats
//! both alike.
//!
//! Invariants: a ratio is that of the pairs of a round, never of means that were taken apart; its
//! interval is Student's t over the logarithms of the pairs.
//!
//! Does not do: judge, or open loops.

use harmonic_types::{BenchRun, Interval};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::asks::Asks;
use crate::closed_loop::Bench;
use crate::config::{BenchConfig, Load};
use crate::error::BenchError;
use crate::instruments::Telemetry;
use crate::interval::interval;
use crate::level::Environment;
use crate::levels::Step;
use crate::measured::{Ended, Outcome};
use crate::observer::{Observer, Progress};
use crate::record::Record;
use crate::run::{measure, preflight, steps};
use crate::target::Target;

/// The ratio at one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelRatio {
    /// Streams.
    pub parallel: u32,
    /// Throughput of the first ÷ that of the second; `None` where no pair was measured.
    pub ratio: Option<Interval>,
    /// Pairs.
    pub pairs: u32,
}

/// Both records and their ratios, ascending by level.
#[derive(Clone, Debug, PartialEq)]
pub struct Against {
    /// The run of the first target.
    pub first: BenchRun,
    /// The run of the second.
    pub second: BenchRun,
    /// First over second.
    pub ratios: Vec<LevelRatio>,
}

/// What is kept of a target between its turns.
struct Side<'a, T> {
    target: &'a T,
    load: &'a Load,
    /// With as many trials as there are rounds; how narrow an interval is does not end them.
    whole: BenchConfig,
    /// The same with one.
    turn: BenchConfig,
    words: u32,
    next: u64,
    outcomes: Vec<(Step, Outcome)>,
    record: Record,
}

impl<'a, T: Target> Side<'a, T> {
    async fn new(target: &'a T, config: &'a BenchConfig) -> Result<Self, BenchError> {
        config.check()?;
        let mut record = Record::default();
        config.warnings.iter().for_each(|warning| record.warn(warning.clone()));
        let words = preflight(target, config, &mut record).await?;
        let whole = BenchConfig { narrow: None, ..config.clone() };
        let turn = BenchConfig { trials: 1, most_trials: 1, ..whole.clone() };
        // `check` has seen one.
        let load = &config.loads[0];
        let outcomes = Vec::new();
        Ok(Self { target, load, whole, turn, words, next: 1 << 16, outcomes, record })
    }

    /// One turn at a level: its throughput, and whether to go on.
    async fn measure(
        &mut self,
        parallel: u32,
        instruments: &Telemetry,
        observer: &dyn Observer,
        stop: &CancellationToken,
    ) -> (Option<f64>, bool) {
        let asks = Asks::new(&self.turn, self.load, self.words, self.next);
        let bench = Bench { asks: &asks, instruments, stop };
        let limit = self.whole.level_limit;
        let level = Step::Parallel(parallel);
        let outcome = measure(self.target, bench, level, limit, observer).await;
        self.next = asks.asked();
        let rate = outcome.measured.trials.first().map(|trial| trial.tok_s);
        let go_on = !matches!(outcome.ended, Ended::TargetDied | Ended::Stopped);
        match self.outcomes.iter_mut().find(|(known, _)| *known == level) {
            Some((_, known)) => known.join(outcome),
            None => self.outcomes.push((level, outcome)),
        }
        (rate.filter(|rate| *rate > 0.0), go_on)
    }

    fn finish(mut self, ground: &Environment, order: Vec<u32>) -> BenchRun {
        self.record.open(self.load);
        for (step, outcome) in &self.outcomes {
            self.record.take(*step, self.whole.level_limit, outcome, &self.whole, ground);
        }
        self.record.finish(self.target.name(), &self.whole, self.words, order)
    }
}

/// Measures `first` and `second` in turns, in as many rounds as the first's `trials`; of each the
/// first load.
///
/// # Errors
/// As [`crate::run()`].
pub async fn against<T: Target>(
    first: (&T, &BenchConfig),
    second: (&T, &BenchConfig),
    instruments: &Telemetry,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<Against, BenchError> {
    let sides =
        async { Ok([Side::new(first.0, first.1).await?, Side::new(second.0, second.1).await?]) };
    let mut sides = tokio::select! {
        biased;
        () = stop.cancelled() => return Err(BenchError::Stopped),
        sides = sides => sides?,
    };
    let (rounds, began) = (first.1.trials, Instant::now());
    let order: Vec<u32> = steps(first.1).iter().filter_map(Step::parallel).collect();
    let mut pairs: Vec<(u32, Vec<f64>)> = order.iter().map(|level| (*level, Vec::new())).collect();
    let of = rounds * u32::try_from(order.len() * 2).unwrap_or(u32::MAX);
    let mut number = 0;
    'rounds: for round in 0..rounds {
        for (level, logs) in &mut pairs {
            let mut rates = [None; 2];
            for turn in 0..2 {
                let index = (turn + round as usize) % 2;
                let side = &mut sides[index];
                number += 1;
                observer.progress(&Progress::LevelStarted {
                    load: side.load,
                    step: Step::Parallel(*level),
                    number,
                    of,
                });
                let (rate, go_on) = side.measure(*level, instruments, observer, stop).await;
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
    let scope = instruments.scope();
    let ground = Environment { began, slo: first.1.slo, scope, idle: None };
    let [first, second] = sides.map(|side| side.finish(&ground, order.clone()));
    pairs.sort_by_key(|(level, _)| *level);
    let ratios = pairs.into_iter().map(|(parallel, logs)| ratio(parallel, &logs)).collect();
    Ok(Against { first, second, ratios })
}

/// The geometric mean of the pairs, and its interval.
fn ratio(parallel: u32, logs: &[f64]) -> LevelRatio {
    let ratio = interval(logs).map(|found| Interval {
        mean: found.mean.exp(),
        ci95_low: found.ci95_low.map(f64::exp),
        ci95_high: found.ci95_high.map(f64::exp),
    });
    LevelRatio { parallel, ratio, pairs: u32::try_from(logs.len()).unwrap_or(u32::MAX) }
}

impl Outcome {
    /// Adds a later turn of the same load.
    fn join(&mut self, later: Self) {
        self.measured.join(later.measured);
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

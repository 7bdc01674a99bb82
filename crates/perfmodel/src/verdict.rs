//! What a scaling series supports: its peak, its sweet spot and its cliff, how it goes on, and the
//! curves through it.
//!
//! Invariants: nothing is claimed beyond what the intervals bear. A cliff needs intervals; the
//! sweet spot is never past the peak.
//!
//! Does not do: compute the intervals (the benchmark does), or take a level from a curve: a curve
//! describes, what was measured decides.

use harmonic_types::{
    Cliff, FittedLaw, FittedLine, Interval, Peak, SweetSpot, TokensPerSecond, Trend, Verdict,
};

use crate::line::StepLine;
use crate::usl::{ScalabilityLaw, optimum};

/// Without intervals, a level this close to the peak's mean counts as on the plateau: the noise of
/// a good series, whose coefficient of variation is below 5% (`docs/sources.md#steady-windows`).
pub const PLATEAU_WITHOUT_INTERVALS: f64 = 0.05;

/// With intervals, a level counts as on the plateau only if its mean is this close to the peak's as
/// well: with few trials an interval is so wide that it reaches anything.
pub const PLATEAU_WITH_INTERVALS: f64 = 0.1;

/// Aggregate throughput at one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelThroughput {
    /// Sequences in flight.
    pub parallel: u32,
    /// Output tokens per second.
    pub tok_s: Interval,
}

/// The fewest levels through which the Universal Scalability Law is laid: with fewer, its three
/// coefficients follow any noise (`docs/sources.md#points-of-a-scalability-law`).
pub const LEAST_FOR_LAW: usize = 6;

/// Seed of the bootstrap of N*: the same levels give the same interval.
const SEED: u64 = 6;

/// The verdict on `levels`, in any order. Levels whose mean is not a positive finite number are
/// left out; with none left, every part is absent.
///
/// - peak: the highest mean; of equals, the smallest level.
/// - sweet spot: the smallest level whose upper bound reaches the peak's lower bound and whose mean
///   is within [`PLATEAU_WITH_INTERVALS`] of the peak's; where either bound is absent, whose mean is
///   within [`PLATEAU_WITHOUT_INTERVALS`] of it.
/// - cliff: the first level past the peak whose upper bound is below the peak's lower bound.
/// - trend: how the highest level stands to the one before and to the peak.
/// - line and law: see [`StepLine`] and [`crate::usl`].
pub fn verdict(levels: &[LevelThroughput]) -> Verdict {
    let levels = measured(levels);
    let Some(peak) = highest(&levels) else { return Verdict::default() };
    let trend = trend(&levels, &peak);
    let cliff = levels
        .iter()
        .filter(|level| level.parallel > peak.parallel)
        .find(|level| is_below(level, &peak) == Some(true))
        .map(|level| Cliff { parallel: level.parallel });
    Verdict {
        peak: Some(Peak { parallel: peak.parallel, tok_s: TokensPerSecond(peak.tok_s.mean) }),
        sweet_spot: Some(sweet_spot(&levels, &peak, trend)),
        cliff,
        trend,
        line: fitted_line(&levels),
        law: fitted_law(&levels),
    }
}

/// [`verdict`], with a sweet spot whose mean time between tokens is `limit_ms` at most: it is found
/// among the levels where `itl_ms` is known and no longer. Absent where there is none.
pub fn verdict_within(
    levels: &[LevelThroughput],
    limit_ms: f64,
    itl_ms: impl Fn(u32) -> Option<f64>,
) -> Verdict {
    let all = verdict(levels);
    let allowed: Vec<LevelThroughput> = measured(levels)
        .into_iter()
        .filter(|level| itl_ms(level.parallel).is_some_and(|itl| itl <= limit_ms))
        .collect();
    let free = all.sweet_spot.clone();
    let bounded = highest(&allowed).map(|best| sweet_spot(&allowed, &best, None));
    let sweet_spot = bounded.map(|spot| match free {
        Some(free) if free.parallel == spot.parallel => free,
        _ => SweetSpot {
            reason: format!("{}; more would exceed {limit_ms} ms between tokens", spot.reason),
            ..spot
        },
    });
    Verdict { sweet_spot, ..all }
}

/// The highest mean; of equals, the smallest level.
fn highest(levels: &[LevelThroughput]) -> Option<LevelThroughput> {
    levels
        .iter()
        .copied()
        .reduce(|best, level| if level.tok_s.mean > best.tok_s.mean { level } else { best })
}

/// Whether `level` is below `other`: beyond doubt where both have intervals, else by more than
/// [`PLATEAU_WITHOUT_INTERVALS`].
fn falls_short(level: &LevelThroughput, other: &LevelThroughput) -> bool {
    is_below(level, other)
        .unwrap_or(level.tok_s.mean < other.tok_s.mean * (1.0 - PLATEAU_WITHOUT_INTERVALS))
}

/// `levels` ascend; `peak` is one of them.
fn trend(levels: &[LevelThroughput], peak: &LevelThroughput) -> Option<Trend> {
    let [.., before, last] = levels else { return None };
    Some(if last.parallel != peak.parallel && falls_short(last, peak) {
        Trend::PastPeak
    } else if falls_short(before, last) {
        Trend::Rising
    } else {
        Trend::Plateau
    })
}

fn fitted_line(levels: &[LevelThroughput]) -> Option<FittedLine> {
    let line = StepLine::fit(levels)?;
    Some(FittedLine {
        fixed_ms: line.fixed_s * 1e3,
        per_sequence_ms: line.per_sequence_s * 1e3,
        limit_tok_s: line.limit_tok_s().map(TokensPerSecond),
        worst_residual: worst_residual(levels, |parallel| line.tok_s(parallel)),
    })
}

fn fitted_law(levels: &[LevelThroughput]) -> Option<FittedLaw> {
    if levels.len() < LEAST_FOR_LAW {
        return None;
    }
    let law = ScalabilityLaw::fit(levels)?;
    let found = optimum(levels, SEED)?;
    Some(FittedLaw {
        single_tok_s: TokensPerSecond(law.single_tok_s),
        contention: law.contention,
        coherence: law.coherence,
        optimum: found.parallel,
        optimum_low: found.ci95.and_then(|ci95| ci95.low),
        optimum_high: found.ci95.and_then(|ci95| ci95.high),
        worst_residual: worst_residual(levels, |parallel| law.tok_s(parallel)),
    })
}

/// Largest distance of a level from the curve, as a share of what was measured.
fn worst_residual(levels: &[LevelThroughput], curve: impl Fn(u32) -> f64) -> f64 {
    levels
        .iter()
        .map(|level| (curve(level.parallel) / level.tok_s.mean - 1.0).abs())
        .fold(0.0, f64::max)
}

/// The levels whose mean is a positive finite number, ascending; level 0 is none.
pub(crate) fn measured(levels: &[LevelThroughput]) -> Vec<LevelThroughput> {
    let mut levels: Vec<LevelThroughput> = levels
        .iter()
        .copied()
        .filter(|level| level.parallel > 0)
        .filter(|level| level.tok_s.mean.is_finite() && level.tok_s.mean > 0.0)
        .collect();
    levels.sort_by_key(|level| level.parallel);
    levels
}

/// Whether `level` is below `peak` beyond doubt; `None` where a bound is absent.
fn is_below(level: &LevelThroughput, peak: &LevelThroughput) -> Option<bool> {
    Some(level.tok_s.ci95_high? < peak.tok_s.ci95_low?)
}

/// The smallest level on the plateau of `peak`, which is one of `levels` (ascending).
fn sweet_spot(
    levels: &[LevelThroughput],
    peak: &LevelThroughput,
    trend: Option<Trend>,
) -> SweetSpot {
    let within =
        |level: &LevelThroughput, share: f64| level.tok_s.mean >= peak.tok_s.mean * (1.0 - share);
    let on_plateau = |level: &LevelThroughput| match is_below(level, peak) {
        Some(below) => !below && within(level, PLATEAU_WITH_INTERVALS),
        None => within(level, PLATEAU_WITHOUT_INTERVALS),
    };
    let spot = levels.iter().find(|level| on_plateau(level)).unwrap_or(peak);
    let mut reason = if spot.parallel == peak.parallel {
        format!("highest throughput, {:.1} tok/s", peak.tok_s.mean)
    } else if is_below(spot, peak).is_some() {
        format!(
            "{:.1} tok/s, not distinguishable from the peak of {:.1} tok/s at {}x (95% intervals \
             overlap)",
            spot.tok_s.mean, peak.tok_s.mean, peak.parallel
        )
    } else {
        format!(
            "{:.1} tok/s, within 5% of the peak of {:.1} tok/s at {}x (too few trials for \
             intervals)",
            spot.tok_s.mean, peak.tok_s.mean, peak.parallel
        )
    };
    if levels.len() == 1 {
        reason.push_str("; the only level measured");
    } else if trend == Some(Trend::Rising) {
        reason.push_str("; no peak in range: throughput still rises at the highest level measured");
    }
    SweetSpot { parallel: spot.parallel, reason }
}

#[cfg(test)]
mod tests;

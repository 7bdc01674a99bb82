//! Verdict on a scaling series: its peak, sweet spot and cliff, its trend, and the curves fitted to
//! it.
//!
//! Invariants: no claim exceeds what the confidence intervals support. A cliff and a trend require
//! intervals; the sweet spot is never past the peak.
//!
//! Does not do: compute the intervals (the benchmark does), judge whether the levels may be relied on
//! ([`crate::judgement`]), or choose a level from a fitted curve: curves describe, measurements
//! decide.

use harmonic_types::{
    Cliff, FittedLaw, FittedLine, Interval, Peak, SweetSpot, TokensPerSecond, Trend, Verdict,
};

use crate::line::StepLine;
use crate::usl::{ScalabilityLaw, optimum};

/// Relative distance from the peak's mean within which a level counts as on the plateau where there
/// are no intervals: the noise of a good series, whose coefficient of variation is below 5%
/// (`docs/sources.md#steady-windows`).
pub const PLATEAU_WITHOUT_INTERVALS: f64 = 0.05;

/// Relative distance from the peak's mean within which a level may count as on the plateau where
/// there are intervals: with few trials an interval is so wide that it overlaps any other.
pub const PLATEAU_WITH_INTERVALS: f64 = 0.1;

/// Aggregate throughput at one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelThroughput {
    /// Sequences in flight.
    pub parallel: u32,
    /// Output tokens per second, mean and interval.
    pub tok_s: Interval,
}

/// Minimum number of levels for a fit of the Universal Scalability Law: with fewer, its three
/// coefficients overfit noise (`docs/sources.md#points-of-a-scalability-law`).
pub const MIN_LEVELS_FOR_LAW: usize = 6;

/// Seed of the bootstrap of N*, fixed so that the same levels give the same interval.
const SEED: u64 = 6;

/// Verdict on `levels`, in any order. Levels whose mean is not a positive finite number are
/// ignored; with none left, every part is absent.
///
/// - peak: the highest mean; of equal means, the smallest level.
/// - sweet spot: the smallest level whose upper bound reaches the peak's lower bound and whose mean
///   is within [`PLATEAU_WITH_INTERVALS`] of the peak's; where either bound is absent, whose mean is
///   within [`PLATEAU_WITHOUT_INTERVALS`] of it.
/// - cliff: the first level past the peak whose upper bound is below the peak's lower bound.
/// - trend: the highest level compared with the one before and with the peak; absent where one of
///   these has no interval.
/// - line and law: see [`StepLine`] and [`crate::usl`].
pub fn verdict(levels: &[LevelThroughput]) -> Verdict {
    let levels = measured(levels);
    let Some(peak) = highest(&levels) else { return Verdict::default() };
    let trend = trend(&levels, &peak);
    let mut spot = sweet_spot(&levels, &peak);
    if let Some(outlook) = outlook(&levels, &spot, trend) {
        spot.reason = format!("{}; {outlook}", spot.reason);
    }
    let cliff = levels
        .iter()
        .filter(|level| level.parallel > peak.parallel)
        .find(|level| is_below(level, &peak) == Some(true))
        .map(|level| Cliff { parallel: level.parallel });
    Verdict {
        peak: Some(Peak { parallel: peak.parallel, tok_s: TokensPerSecond(peak.tok_s.mean) }),
        sweet_spot: Some(spot),
        cliff,
        trend,
        line: fitted_line(&levels),
        law: fitted_law(&levels),
        real_time: None,
        caveats: Vec::new(),
    }
}

/// [`verdict`] with a sweet spot whose mean time between tokens is at most `limit_ms`, chosen among
/// the levels where `itl_ms` is known and within the limit; absent where there is none.
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
    let unbounded = all.sweet_spot.clone();
    let bounded = highest(&allowed).map(|best| sweet_spot(&allowed, &best));
    let sweet_spot = bounded.map(|spot| match unbounded {
        Some(unbounded) if unbounded.parallel == spot.parallel => unbounded,
        _ => SweetSpot {
            reason: format!("{}; more would exceed {limit_ms} ms between tokens", spot.reason),
            ..spot
        },
    });
    Verdict { sweet_spot, ..all }
}

/// Level with the highest mean; of equal means, the smallest.
fn highest(levels: &[LevelThroughput]) -> Option<LevelThroughput> {
    levels
        .iter()
        .copied()
        .reduce(|best, level| if level.tok_s.mean > best.tok_s.mean { level } else { best })
}

/// Trend of `levels` (ascending), of which `peak` is one.
fn trend(levels: &[LevelThroughput], peak: &LevelThroughput) -> Option<Trend> {
    let [.., before, last] = levels else { return None };
    let is_past_peak = is_below(last, peak)?;
    let is_rising = is_below(before, last)?;
    Some(match (is_past_peak, is_rising) {
        (true, _) => Trend::PastPeak,
        (false, true) => Trend::Rising,
        (false, false) => Trend::Plateau,
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
    if levels.len() < MIN_LEVELS_FOR_LAW {
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

/// Largest relative deviation of the curve from a measured level.
fn worst_residual(levels: &[LevelThroughput], curve: impl Fn(u32) -> f64) -> f64 {
    levels
        .iter()
        .map(|level| (curve(level.parallel) / level.tok_s.mean - 1.0).abs())
        .fold(0.0, f64::max)
}

/// Levels above 0 whose mean is a positive finite number, ascending.
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

/// Whether the interval of `level` lies wholly below that of `peak`; `None` where a bound is absent.
fn is_below(level: &LevelThroughput, peak: &LevelThroughput) -> Option<bool> {
    Some(level.tok_s.ci95_high? < peak.tok_s.ci95_low?)
}

/// Smallest level on the plateau of `peak`, which is one of `levels` (ascending).
fn sweet_spot(levels: &[LevelThroughput], peak: &LevelThroughput) -> SweetSpot {
    let within =
        |level: &LevelThroughput, share: f64| level.tok_s.mean >= peak.tok_s.mean * (1.0 - share);
    let on_plateau = |level: &LevelThroughput| match is_below(level, peak) {
        Some(below) => !below && within(level, PLATEAU_WITH_INTERVALS),
        None => within(level, PLATEAU_WITHOUT_INTERVALS),
    };
    let spot = levels.iter().find(|level| on_plateau(level)).unwrap_or(peak);
    let reason = if spot.parallel == peak.parallel {
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
    SweetSpot { parallel: spot.parallel, reason }
}

/// What is known of levels above the highest of `levels` (ascending), as far as it matters for `spot`.
fn outlook(
    levels: &[LevelThroughput],
    spot: &SweetSpot,
    trend: Option<Trend>,
) -> Option<&'static str> {
    let is_highest = levels.last().is_some_and(|last| last.parallel == spot.parallel);
    match trend {
        _ if levels.len() == 1 => Some("the only level measured"),
        Some(Trend::Rising) => {
            Some("no peak in range: throughput still rises at the highest level measured")
        }
        None if is_highest => {
            Some("the highest level measured; there are no intervals to show a trend")
        }
        Some(Trend::Plateau | Trend::PastPeak) | None => None,
    }
}

#[cfg(test)]
mod tests;

//! What a scaling series supports: its peak, its sweet spot and its cliff.
//!
//! Invariants: nothing is claimed beyond what the intervals bear. A cliff needs intervals; the
//! sweet spot is never past the peak.
//!
//! Does not do: compute the intervals (the benchmark does), or fit a curve.

use harmonic_types::{Cliff, Interval, Peak, SweetSpot, TokensPerSecond, Verdict};

/// Without intervals, a level this close to the peak's mean counts as on the plateau: the noise of
/// a good series (`hardware.md` §5 asks for a coefficient of variation below 5%).
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

/// The verdict on `levels`, in any order. Levels whose mean is not a positive finite number are
/// left out; with none left, every part is absent.
///
/// - peak: the highest mean; of equals, the smallest level.
/// - sweet spot: the smallest level whose upper bound reaches the peak's lower bound and whose mean
///   is within [`PLATEAU_WITH_INTERVALS`] of the peak's; where either bound is absent, whose mean is
///   within [`PLATEAU_WITHOUT_INTERVALS`] of it.
/// - cliff: the first level past the peak whose upper bound is below the peak's lower bound.
pub fn verdict(levels: &[LevelThroughput]) -> Verdict {
    let levels = measured(levels);
    let Some(peak) = levels
        .iter()
        .copied()
        .reduce(|best, level| if level.tok_s.mean > best.tok_s.mean { level } else { best })
    else {
        return Verdict::default();
    };
    let cliff = levels
        .iter()
        .filter(|level| level.parallel > peak.parallel)
        .find(|level| is_below(level, &peak) == Some(true))
        .map(|level| Cliff { parallel: level.parallel });
    Verdict {
        peak: Some(Peak { parallel: peak.parallel, tok_s: TokensPerSecond(peak.tok_s.mean) }),
        sweet_spot: Some(sweet_spot(&levels, &peak)),
        cliff,
    }
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
fn sweet_spot(levels: &[LevelThroughput], peak: &LevelThroughput) -> SweetSpot {
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
    } else if levels.last().is_some_and(|last| last.parallel == peak.parallel) {
        reason.push_str("; no peak in range: throughput still rises at the highest level measured");
    }
    SweetSpot { parallel: spot.parallel, reason }
}

#[cfg(test)]
mod tests;

//! Judgement of a measured series: its verdict, and the caveats for which parts of it are withheld.
//!
//! Owns: the rules by which measurements are not relied on; every report and every saved curve
//! follows the caveats stored with the verdict.
//!
//! Invariants: a busy machine yields no conclusion; an incomplete series, one with failed requests
//! and a single level yield no sweet spot; the caveats are complete and ordered by weight.
//!
//! Does not do: repair figures, or read a record.

use harmonic_types::{Caveat, CaveatKind, Interval, LevelResult, LoadFigures, SweetSpot, Verdict};

use crate::load::Disturbance;
use crate::real_time::real_time_range;
use crate::verdict::{LevelThroughput, verdict, verdict_within};

/// Half-width of a 95% interval, as a fraction of the mean, above which a level is too uncertain to
/// plan with: twice [`crate::verdict::PLATEAU_WITH_INTERVALS`], so that even levels at the two ends
/// of a plateau could be any.
pub const WIDE_HALF_WIDTH: f64 = 0.2;

/// Conditions of a measurement other than its levels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// Requested levels of parallelism; empty in an open loop.
    pub requested: &'a [u32],
    /// Longest mean time between tokens at a sweet spot, in milliseconds.
    pub itl_limit_ms: Option<f64>,
    /// Load of the machine before the run.
    pub before: Option<LoadFigures>,
}

/// Verdict on `levels` measured under `conditions`, with its caveats.
pub fn judge(levels: &[LevelResult], conditions: &Conditions<'_>) -> Verdict {
    let caveats = caveats(levels, conditions);
    let has = |kind: CaveatKind| caveats.iter().any(|caveat| caveat.kind == kind);
    let is_open = levels.iter().any(|level| level.rate.is_some());
    let mut verdict = if is_open || has(CaveatKind::Busy) {
        Verdict::default()
    } else {
        unqualified(levels, conditions.itl_limit_ms)
    };
    if caveats.iter().any(|caveat| caveat.kind.withholds_sweet_spot()) {
        verdict.sweet_spot = None;
    }
    if has(CaveatKind::Incomplete) || has(CaveatKind::Failed) {
        verdict.trend = None;
    }
    if has(CaveatKind::Failed) {
        verdict.cliff = None;
    }
    if levels.iter().any(|level| level.runs.is_some()) {
        // They are curves of steps and sequences; a run is many of both.
        (verdict.line, verdict.law) = (None, None);
        let hinders = [CaveatKind::Busy, CaveatKind::Incomplete, CaveatKind::Failed];
        verdict.real_time =
            if hinders.into_iter().any(has) { None } else { real_time_range(levels) };
    }
    Verdict { caveats, ..verdict }
}

/// [`judge`] with the sweet spot that a publication states, from which plans are made, instead of our
/// own; with our own where it states none.
pub fn judge_with_stated(
    levels: &[LevelResult],
    conditions: &Conditions<'_>,
    stated: Option<SweetSpot>,
) -> Verdict {
    let own = judge(levels, conditions);
    Verdict { sweet_spot: stated.or(own.sweet_spot), ..own }
}

/// Verdict on `levels` as if nothing spoke against them.
pub fn unqualified(levels: &[LevelResult], itl_limit_ms: Option<f64>) -> Verdict {
    let throughput = |level: &LevelResult| {
        Some(LevelThroughput { parallel: level.parallel, tok_s: level.tok_s? })
    };
    let measured: Vec<LevelThroughput> = levels.iter().filter_map(throughput).collect();
    let Some(limit_ms) = itl_limit_ms else { return verdict(&measured) };
    // Nine of ten requests meet the bound.
    let itl_ms = |parallel: u32| {
        levels.iter().find(|level| level.parallel == parallel)?.tpot_ms.map(|tpot| tpot.p90)
    };
    verdict_within(&measured, limit_ms, itl_ms)
}

/// Half-width of an interval as a fraction of its mean; `None` without bounds, or without a positive
/// mean.
pub fn relative_half_width(of: Interval) -> Option<f64> {
    let half = of.ci95_high? - of.mean;
    (of.mean > 0.0).then(|| half / of.mean)
}

fn caveats(levels: &[LevelResult], conditions: &Conditions<'_>) -> Vec<Caveat> {
    let named = |kind, message: Option<String>| Some(Caveat { kind, message: message? });
    let mut caveats: Vec<Caveat> = [
        named(CaveatKind::Busy, busy(levels, conditions.before.as_ref())),
        named(CaveatKind::Incomplete, incomplete(levels, conditions.requested)),
        named(CaveatKind::Failed, failed(levels)),
        named(CaveatKind::OneLevel, one_level(levels)),
        named(CaveatKind::WideInterval, wide_intervals(levels)),
        named(CaveatKind::NoInterval, no_intervals(levels)),
    ]
    .into_iter()
    .flatten()
    .collect();
    caveats.sort_by_key(|caveat| caveat.kind);
    caveats
}

/// Largest disturbance during a level, or before the run where the levels do not show one.
fn busy(levels: &[LevelResult], before: Option<&LoadFigures>) -> Option<String> {
    let during = |level: &LevelResult| Some((name(level), Disturbance::of(&level.load?)?));
    let largest = levels
        .iter()
        .filter_map(during)
        .max_by(|(_, one), (_, other)| one.size().total_cmp(&other.size()));
    if let Some((level, disturbance)) = largest {
        return Some(format!("the machine was busy: {disturbance} at {level}"));
    }
    let is_unseen = |level: &LevelResult| {
        level.tok_s.is_some() && level.load.and_then(|load| load.others_cpus).is_none()
    };
    let disturbance = before.filter(|_| levels.iter().any(is_unseen)).and_then(Disturbance::of)?;
    Some(format!("the machine was busy: {disturbance} before the run"))
}

/// Levels without a throughput, at which no request failed.
fn incomplete(levels: &[LevelResult], requested: &[u32]) -> Option<String> {
    let absent = requested
        .iter()
        .filter(|parallel| levels.iter().all(|level| level.parallel != **parallel))
        .map(|parallel| format!("{parallel}x"));
    let empty = levels.iter().filter(|level| level.tok_s.is_none() && level.failures == 0);
    let missing: Vec<String> = empty.map(name).chain(absent).collect();
    (!missing.is_empty()).then(|| format!("no figures at {}", missing.join(", ")))
}

fn failed(levels: &[LevelResult]) -> Option<String> {
    let failed: Vec<String> = levels.iter().filter(|level| level.failures > 0).map(name).collect();
    (!failed.is_empty()).then(|| format!("requests failed at {}", failed.join(", ")))
}

fn one_level(levels: &[LevelResult]) -> Option<String> {
    let mut measured = levels.iter().filter(|level| level.tok_s.is_some() && level.rate.is_none());
    let (only, None) = (measured.next()?, measured.next()) else { return None };
    Some(format!("only {} was measured", name(only)))
}

fn wide_intervals(levels: &[LevelResult]) -> Option<String> {
    let wide = |level: &LevelResult| {
        let width = relative_half_width(level.tok_s?)?;
        (width > WIDE_HALF_WIDTH).then(|| format!("{} (±{:.0}%)", name(level), width * 100.0))
    };
    let wide: Vec<String> = levels.iter().filter_map(wide).collect();
    let limit = WIDE_HALF_WIDTH * 100.0;
    (!wide.is_empty()).then(|| format!("intervals wider than ±{limit:.0}%: {}", wide.join(", ")))
}

fn no_intervals(levels: &[LevelResult]) -> Option<String> {
    let lacks = |level: &&LevelResult| level.tok_s.is_some_and(|rate| rate.ci95_low.is_none());
    let lacking: Vec<String> = levels.iter().filter(lacks).map(name).collect();
    (!lacking.is_empty()).then(|| format!("no interval at {}", lacking.join(", ")))
}

/// Name of a level: `8x`, or `2.5/s` in an open loop.
fn name(level: &LevelResult) -> String {
    level.rate.map_or_else(|| format!("{}x", level.parallel), |rate| format!("{rate}/s"))
}

#[cfg(test)]
mod tests;

//! Two or more benchmarks side by side: the paper's §4.1, with what the intervals bear.
//!
//! Owns: [`Comparison`], and its text for a terminal.
//!
//! Invariants: the first subject is divided by each of the others; only series of the same model are
//! set side by side, save where each subject has but one; efficiencies are compared only where the
//! power covers the same part of the machine.
//!
//! Does not do: read records.

use harmonic_types::{BenchRun, Interval, LevelResult, PowerScope, Series};
use serde::Serialize;

mod text;

pub use text::text;

/// A benchmark under the name that the user gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Profile or folder.
    pub name: String,
    /// Its record.
    pub run: BenchRun,
}

/// What subjects have in common.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// [`Comparison::SCHEMA`].
    pub schema: &'static str,
    /// Names, in the order in which they were given.
    pub subjects: Vec<String>,
    /// Models that all have.
    pub models: Vec<ComparedModel>,
    /// Why tok/W are not set side by side; `None` where they are.
    pub efficiency_refused: Option<String>,
}

/// One model on all subjects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedModel {
    /// Its name; of different ones, all.
    pub model: String,
    /// Levels that any of them has, ascending.
    pub levels: Vec<ComparedLevel>,
    /// Sweet spot of each.
    pub sweet_spots: Vec<Option<u32>>,
    /// Peak of each: level and tok/s.
    pub peaks: Vec<Option<(u32, f64)>>,
}

/// One level on all subjects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedLevel {
    /// Streams.
    pub parallel: u32,
    /// Output tokens per second of each.
    pub tok_s: Vec<Option<Interval>>,
    /// The first ÷ each of the others.
    pub ratios: Vec<Option<ComparedRatio>>,
    /// Tokens per joule of each, gross; empty where that is refused.
    pub tok_per_w: Vec<Option<f64>>,
}

/// A ratio of two throughputs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ComparedRatio {
    /// First over second, with its interval where both have one.
    pub ratio: Interval,
    /// What that bears.
    pub difference: Difference,
}

/// What the intervals bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// The first is faster, beyond doubt.
    Faster,
    /// The first is slower, beyond doubt.
    Slower,
    /// The interval of the ratio holds 1.
    NotToldApart,
    /// One of them has no interval.
    NoIntervals,
}

impl Difference {
    /// What the interval of a ratio, first over second, bears.
    pub fn of(ratio: Interval) -> Self {
        match (ratio.ci95_low, ratio.ci95_high) {
            (Some(low), _) if low > 1.0 => Self::Faster,
            (_, Some(high)) if high < 1.0 => Self::Slower,
            (Some(_), Some(_)) => Self::NotToldApart,
            _ => Self::NoIntervals,
        }
    }

    /// In words, of the first.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::NotToldApart => "not told apart",
            Self::NoIntervals => "not known: no intervals",
        }
    }
}

impl Comparison {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.compare/1";

    /// `subjects`, of which there are two at least, side by side.
    pub fn of(subjects: &[Subject]) -> Self {
        let efficiency_refused = refusal(subjects);
        let models = matched(subjects)
            .into_iter()
            .map(|series| compared(&series, efficiency_refused.is_none()))
            .collect();
        Self {
            schema: Self::SCHEMA,
            subjects: subjects.iter().map(|subject| subject.name.clone()).collect(),
            models,
            efficiency_refused,
        }
    }
}

/// Series of the same model, one of each subject; where each has one only, those.
fn matched(subjects: &[Subject]) -> Vec<Vec<&Series>> {
    let Some((first, others)) = subjects.split_first() else { return Vec::new() };
    if subjects.iter().all(|subject| subject.run.series.len() == 1) {
        return vec![subjects.iter().map(|subject| &subject.run.series[0]).collect()];
    }
    let of_all = |series: &'_ Series| {
        let model = series.model.clone();
        let of_each = others.iter().map(|other| other.run.series.iter().find(|s| s.model == model));
        of_each.collect::<Option<Vec<&Series>>>()
    };
    first
        .run
        .series
        .iter()
        .filter_map(|series| Some([vec![series], of_all(series)?].concat()))
        .collect()
}

fn compared(series: &[&Series], with_efficiency: bool) -> ComparedModel {
    let mut models: Vec<&str> = series.iter().map(|series| series.model.as_str()).collect();
    models.dedup();
    let mut parallels: Vec<u32> = series
        .iter()
        .flat_map(|series| &series.levels)
        .filter(|level| level.rate.is_none())
        .map(|level| level.parallel)
        .collect();
    parallels.sort_unstable();
    parallels.dedup();
    let levels = parallels.into_iter().map(|parallel| {
        let of_each: Vec<Option<&LevelResult>> = series
            .iter()
            .map(|series| series.levels.iter().find(|level| level.parallel == parallel))
            .collect();
        let tok_s: Vec<Option<Interval>> =
            of_each.iter().map(|level| level.and_then(|level| level.tok_s)).collect();
        let ratios = tok_s[1..].iter().map(|other| ratio(tok_s[0]?, (*other)?)).collect();
        let gross = |level: Option<&LevelResult>| Some(level?.tok_per_w?.gross);
        let tok_per_w =
            if with_efficiency { of_each.iter().copied().map(gross).collect() } else { Vec::new() };
        ComparedLevel { parallel, tok_s, ratios, tok_per_w }
    });
    ComparedModel {
        model: models.join(" over "),
        levels: levels.collect(),
        sweet_spots: series
            .iter()
            .map(|series| series.verdict.sweet_spot.as_ref().map(|spot| spot.parallel))
            .collect(),
        peaks: series
            .iter()
            .map(|series| series.verdict.peak.map(|peak| (peak.parallel, peak.tok_s.0)))
            .collect(),
    }
}

/// `first ÷ second`; `None` where the second is zero.
///
/// The interval is that of the logarithm by the delta method, where the squares of the relative
/// half-widths add up, since the two were measured apart from each other (Casella and Berger,
/// "Statistical Inference", §5.5.4). Runs in turns (`bench --against`) have a narrower one.
fn ratio(first: Interval, second: Interval) -> Option<ComparedRatio> {
    if second.mean <= 0.0 || first.mean <= 0.0 {
        return None;
    }
    let mean = first.mean / second.mean;
    let half = |rate: Interval| Some((rate.ci95_high? - rate.mean) / rate.mean);
    let width = half(first).zip(half(second)).map(|(one, other)| one.hypot(other).exp());
    let ratio = Interval {
        mean,
        ci95_low: width.map(|width| mean / width),
        ci95_high: width.map(|width| mean * width),
    };
    Some(ComparedRatio { ratio, difference: Difference::of(ratio) })
}

/// Why efficiencies cannot be compared; `None` where they can.
fn refusal(subjects: &[Subject]) -> Option<String> {
    let scopes: Vec<(&str, Option<PowerScope>)> =
        subjects.iter().map(|subject| (subject.name.as_str(), scope(&subject.run))).collect();
    if let Some((name, _)) = scopes.iter().find(|(_, scope)| scope.is_none()) {
        return Some(format!("tok/W are not compared: {name} does not say what its power covers"));
    }
    let (first, scope) = scopes[0];
    let (other, different) = scopes.iter().find(|(_, other)| *other != scope)?;
    let word = |scope: Option<PowerScope>| scope.map_or("unknown", crate::figure::scope);
    Some(format!(
        "tok/W are not compared: {first} has the power of the {}, {other} of the {}",
        word(scope),
        word(*different)
    ))
}

/// What the power of a run covers.
fn scope(run: &BenchRun) -> Option<PowerScope> {
    let levels = run.series.iter().flat_map(|series| &series.levels);
    levels.filter_map(|level| level.power).map(|power| power.scope).next()
}

#[cfg(test)]
mod tests;

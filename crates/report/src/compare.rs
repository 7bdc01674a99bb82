//! Comparison of two or more benchmarks: the paper's §4.1, with the significance of differences.
//!
//! Owns: [`Comparison`], and its text for a terminal.
//!
//! Invariants: the first subject is divided by each of the others; only series of the same model have
//! a ratio, those of different models stand side by side; efficiencies are compared only if the scope
//! of their power is the same.
//!
//! Does not do: read records.

use harmonic_types::{BenchRun, Interval, LevelResult, PowerScope, Series};
use serde::Serialize;

mod text;

pub(crate) use text::names as short_names;
pub use text::text;

/// A benchmark record with the name given by the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Profile or folder.
    pub name: String,
    /// Benchmark record.
    pub run: BenchRun,
}

/// Comparison of all subjects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// [`Comparison::SCHEMA`].
    pub schema: &'static str,
    /// Names of the subjects, in the given order.
    pub subjects: Vec<String>,
    /// Models common to all subjects; without any, the main model of each, side by side.
    pub models: Vec<ComparedModel>,
    /// Reason why tok/W are not compared; `None` where they are, or where there are none.
    pub efficiency_refused: Option<String>,
}

/// One model on all subjects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedModel {
    /// Name of the model; all names, if they differ.
    pub model: String,
    /// Name of the model of each subject.
    pub names: Vec<String>,
    /// Reason why there are no ratios; `None` where there are.
    pub ratio_refused: Option<String>,
    /// Levels of any subject, ascending.
    pub levels: Vec<ComparedLevel>,
    /// Sweet spot of each subject.
    pub sweet_spots: Vec<Option<u32>>,
    /// Reason why each subject has no sweet spot.
    pub withheld: Vec<Option<String>>,
    /// Peak of each subject: level and tok/s.
    pub peaks: Vec<Option<(u32, f64)>>,
}

/// One level on all subjects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedLevel {
    /// Number of streams.
    pub parallel: u32,
    /// Output tokens per second of each subject.
    pub tok_s: Vec<Option<Interval>>,
    /// First subject ÷ each of the others.
    pub ratios: Vec<Option<ComparedRatio>>,
    /// Gross tokens per joule of each subject; empty if they are not compared.
    pub tok_per_w: Vec<Option<f64>>,
}

/// Ratio of two throughputs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ComparedRatio {
    /// First ÷ second, with an interval where both have one.
    pub ratio: Interval,
    /// Significance of the difference.
    pub difference: Difference,
}

/// Significance of a difference, by the 95% interval of the ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// The first is significantly faster.
    Faster,
    /// The first is significantly slower.
    Slower,
    /// The interval contains 1.
    NotToldApart,
    /// At least one of them has no interval.
    NoIntervals,
}

impl Difference {
    /// Significance of the ratio first ÷ second.
    pub fn of(ratio: Interval) -> Self {
        match (ratio.ci95_low, ratio.ci95_high) {
            (Some(low), _) if low > 1.0 => Self::Faster,
            (_, Some(high)) if high < 1.0 => Self::Slower,
            (Some(_), Some(_)) => Self::NotToldApart,
            _ => Self::NoIntervals,
        }
    }

    /// Text about the first subject.
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
    /// Schema written by this build.
    pub const SCHEMA: &'static str = "harmonic.compare/1";

    /// Comparison of `subjects`, at least two.
    pub fn of(subjects: &[Subject]) -> Self {
        let efficiency_refused = efficiency_refusal(subjects);
        let models = compared_series(subjects)
            .into_iter()
            .map(|series| compare_series(&series, efficiency_refused.is_none()))
            .collect();
        Self {
            schema: Self::SCHEMA,
            subjects: subjects.iter().map(|subject| subject.name.clone()).collect(),
            models,
            efficiency_refused,
        }
    }
}

/// Series of the same model, one of each subject; where there are none, the main series of each.
fn compared_series(subjects: &[Subject]) -> Vec<Vec<&Series>> {
    let Some((first, others)) = subjects.split_first() else { return Vec::new() };
    let in_all = |series: &Series| {
        let per_subject = others.iter().map(|other| {
            other.run.series.iter().find(|candidate| is_same_model(candidate, series))
        });
        per_subject.collect::<Option<Vec<&Series>>>()
    };
    let common = first.run.series.iter();
    let common: Vec<Vec<&Series>> =
        common.filter_map(|series| Some([vec![series], in_all(series)?].concat())).collect();
    if !common.is_empty() {
        return common;
    }
    let main: Option<Vec<&Series>> =
        subjects.iter().map(|subject| main_series(&subject.run)).collect();
    main.into_iter().collect()
}

/// Whether both are of one model: by its name, or by the digest of its file.
fn is_same_model(one: &Series, other: &Series) -> bool {
    let digest = |series: &Series| series.key.as_ref()?.digest.clone();
    one.model == other.model || digest(one).is_some_and(|one| digest(other) == Some(one))
}

/// The series with most levels, the first of equals.
fn main_series(run: &BenchRun) -> Option<&Series> {
    run.series.iter().rev().max_by_key(|series| series.levels.len())
}

fn compare_series(series: &[&Series], with_efficiency: bool) -> ComparedModel {
    let names: Vec<String> = series.iter().map(|series| series.model.clone()).collect();
    let is_one = series.iter().all(|other| is_same_model(series[0], other));
    let mut distinct: Vec<&str> = names.iter().map(String::as_str).collect();
    distinct.dedup();
    let model = distinct.join(" over ");
    let mut parallels: Vec<u32> = series
        .iter()
        .flat_map(|series| &series.levels)
        .filter(|level| level.rate.is_none())
        .map(|level| level.parallel)
        .collect();
    parallels.sort_unstable();
    parallels.dedup();
    let levels = parallels.into_iter().map(|parallel| {
        let per_subject: Vec<Option<&LevelResult>> = series
            .iter()
            .map(|series| series.levels.iter().find(|level| level.parallel == parallel))
            .collect();
        let tok_s: Vec<Option<Interval>> =
            per_subject.iter().map(|level| level.and_then(|level| level.tok_s)).collect();
        let of_one = |other: &Option<Interval>| ratio(tok_s[0]?, (*other)?).filter(|_| is_one);
        let ratios = tok_s[1..].iter().map(of_one).collect();
        let gross = |level: Option<&LevelResult>| Some(level?.tok_per_w?.gross);
        let tok_per_w = if with_efficiency {
            per_subject.iter().copied().map(gross).collect()
        } else {
            Vec::new()
        };
        ComparedLevel { parallel, tok_s, ratios, tok_per_w }
    });
    ComparedModel {
        model,
        names,
        ratio_refused: (!is_one).then(|| {
            "no ratio: these are different models, so it would compare the models, not the machines"
                .to_owned()
        }),
        levels: levels.collect(),
        sweet_spots: series
            .iter()
            .map(|series| series.verdict.sweet_spot.as_ref().map(|spot| spot.parallel))
            .collect(),
        withheld: series
            .iter()
            .map(|series| series.verdict.withheld_for().map(|caveat| caveat.message.clone()))
            .collect(),
        peaks: series
            .iter()
            .map(|series| series.verdict.peak.map(|peak| (peak.parallel, peak.tok_s.0)))
            .collect(),
    }
}

/// `first ÷ second`; `None` where the second is zero.
///
/// The interval is that of the logarithm by the delta method: the squares of the relative
/// half-widths add up, because the two were measured independently (Casella and Berger,
/// "Statistical Inference", §5.5.4). Paired measurements (`bench --against`) give a narrower one.
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

/// Reason why efficiencies cannot be compared; `None` if they can, or if no subject has any.
fn efficiency_refusal(subjects: &[Subject]) -> Option<String> {
    let unmeasured = subjects.iter().find(|subject| !has_efficiency(&subject.run));
    if let Some(Subject { name, .. }) = unmeasured {
        let has_any = subjects.iter().any(|subject| has_efficiency(&subject.run));
        return has_any.then(|| format!("tok/W are not compared: no power was measured in {name}"));
    }
    let scopes: Vec<(&str, Option<PowerScope>)> =
        subjects.iter().map(|subject| (subject.name.as_str(), scope(&subject.run))).collect();
    if let Some((name, _)) = scopes.iter().find(|(_, scope)| scope.is_none()) {
        return Some(format!("tok/W are not compared: the power scope of {name} is unknown"));
    }
    let (first, scope) = scopes[0];
    let (other, different) = scopes.iter().find(|(_, other)| *other != scope)?;
    let word = |scope: Option<PowerScope>| scope.map_or("unknown", crate::number_format::scope);
    Some(format!(
        "tok/W are not compared: the power scope is {} for {first} and {} for {other}",
        word(scope),
        word(*different)
    ))
}

/// Whether power, or what follows from it, is known of any level.
fn has_efficiency(run: &BenchRun) -> bool {
    let mut levels = run.series.iter().flat_map(|series| &series.levels);
    levels.any(|level| level.power.is_some() || level.tok_per_w.is_some())
}

/// Power scope of a run.
fn scope(run: &BenchRun) -> Option<PowerScope> {
    let levels = run.series.iter().flat_map(|series| &series.levels);
    levels.filter_map(|level| level.power).map(|power| power.scope).next()
}

#[cfg(test)]
mod tests;

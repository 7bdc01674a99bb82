//! Warnings of a run as findings, each once.
//!
//! Invariants: a code occurs once; a warning about levels lists all of them, ascending, with their
//! figures; findings have the order in which their codes were first raised.

use harmonic_types::Finding;

use crate::level_warning::LevelWarning;
use crate::levels::LoadPoint;
use crate::warning::Warning;

/// What a [`LevelWarning`] is about.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) enum Subject {
    /// The machine before the run.
    BeforeRun,
    /// The level `.1` of the series with the index `.0`.
    Level(usize, LoadPoint),
}

/// A raised warning.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Raised {
    /// About the run.
    OfRun(Warning),
    /// About a level.
    OfLevel(Subject, LevelWarning),
}

impl Raised {
    const fn code(&self) -> &'static str {
        match self {
            Self::OfRun(warning) => warning.code(),
            Self::OfLevel(_, warning) => warning.code(),
        }
    }
}

/// Findings of the warnings `raised` in a run on `models`, one per series.
pub(crate) fn findings(raised: &[Raised], models: &[&str]) -> Vec<Finding> {
    let mut codes: Vec<&str> = Vec::new();
    for code in raised.iter().map(Raised::code) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
        .into_iter()
        .filter_map(|code| {
            let same: Vec<&Raised> = raised.iter().filter(|one| one.code() == code).collect();
            let hint = match same.first()? {
                Raised::OfRun(warning) => warning.hint(),
                Raised::OfLevel(_, warning) => warning.hint(),
            };
            Some(Finding::new(code, message(&same, models), hint))
        })
        .collect()
}

/// Message of all warnings of one code.
fn message(same: &[&Raised], models: &[&str]) -> String {
    let mut sentences: Vec<String> = Vec::new();
    let mut levels: Vec<(Subject, &LevelWarning)> = Vec::new();
    for raised in same {
        match raised {
            Raised::OfRun(warning) => {
                let sentence = warning.to_string();
                if !sentences.contains(&sentence) {
                    sentences.push(sentence);
                }
            }
            Raised::OfLevel(subject, warning) => levels.push((*subject, warning)),
        }
    }
    let first_error = levels.iter().find_map(|(_, warning)| warning.first_error());
    levels.sort_by(|(one, _), (other, _)| {
        one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal)
    });
    if let Some((_, warning)) = levels.first() {
        let each = levels.iter().map(|(subject, warning)| {
            let label = label(*subject, models);
            warning.figure().map_or_else(|| label.clone(), |figure| format!("{label} ({figure})"))
        });
        let each = each.collect::<Vec<_>>().join(", ");
        let first = first_error.map_or_else(String::new, |first| format!("; first error: {first}"));
        sentences.push(format!("{}: {each}{first}", warning.statement()));
    }
    sentences.join("; ")
}

/// Label of a level, with its model if there are several.
fn label(subject: Subject, models: &[&str]) -> String {
    match subject {
        Subject::BeforeRun => "before the run".to_owned(),
        Subject::Level(series, point) => match models.get(series).filter(|_| models.len() > 1) {
            Some(model) => format!("{point} of {model}"),
            None => point.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use harmonic_perfmodel::Disturbance;

    use super::*;

    fn at(series: usize, parallel: u32, warning: LevelWarning) -> Raised {
        Raised::OfLevel(Subject::Level(series, LoadPoint::Parallel(parallel)), warning)
    }

    fn wide(series: usize, parallel: u32, reached: f64) -> Raised {
        at(series, parallel, LevelWarning::WideInterval { trials: 3, reached, wanted: 0.2 })
    }

    fn shown(raised: &[Raised], models: &[&str]) -> String {
        let found = findings(raised, models);
        found
            .iter()
            .map(|one| format!("{}: {}", one.code, one.message))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_warning_about_levels_is_one_finding_that_lists_them_in_order() {
        let busy = |used| LevelWarning::Busy(Disturbance::Programs { used, cpus: 2 });
        let failures = |first: &str, failures| LevelWarning::Failures {
            failures,
            finished: 40,
            first: first.to_owned(),
            hint: "wait",
        };
        let raised = [
            wide(0, 16, 0.43),
            at(0, 8, failures("429: the queue is full", 2)),
            wide(0, 1, 0.25),
            at(0, 2, failures("timeout", 1)),
            at(0, 8, busy(0.981)),
            Raised::OfLevel(Subject::BeforeRun, busy(1.0)),
            at(0, 4, LevelWarning::Throttled { temperature_c: None }),
        ];
        insta::assert_snapshot!(shown(&raised, &["smollm2:135m"]), @r"
        wide-interval: the 95% interval is wider than ±20%: 1x (±25% after 3 windows), 16x (±43% after 3 windows)
        failures: requests failed: 2x (1 of 41), 8x (2 of 42); first error: 429: the queue is full
        busy: the machine was busy, other programs used its CPUs: before the run (1.00 of 2), 8x (0.98 of 2)
        throttled: the hardware was throttled: 4x
        ");
    }

    #[test]
    fn levels_of_several_models_are_told_apart() {
        let raised = [wide(1, 1, 0.25), wide(0, 1, 0.3)];
        insta::assert_snapshot!(shown(&raised, &["smollm2:135m", "gemma3:270m"]), @"wide-interval: the 95% interval is wider than ±20%: 1x of smollm2:135m (±30% after 3 windows), 1x of gemma3:270m (±25% after 3 windows)");
    }

    #[test]
    fn warnings_about_a_run_are_said_once_too() {
        let calibrated = |words| Raised::OfRun(Warning::NotCalibrated { words, requested: 50 });
        let found = findings(&[calibrated(40), calibrated(40)], &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message.matches("40 words").count(), 1, "{found:?}");
        assert_eq!(findings(&[], &[]), []);
    }
}

//! What evaluations on this machine have found of a team, for the runs whose approach the server
//! chooses.
//!
//! Invariants: a verdict counts for the stack and the very model files that it was measured with; a
//! verdict that cannot be read is left out.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use harmonic_eval::{Choice, Chosen, GoalShape, choose};
use harmonic_orchestrator::{Recipe, goal_parts};
use harmonic_profiles::verdict;
use harmonic_types::{Equality, EvalVerdict, RunBudget};

use super::team::RunTeam;

/// Verdicts on one team.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdicts(Vec<EvalVerdict>);

impl Verdicts {
    /// The verdicts in `folder` that count for `team`. Blocks.
    pub(crate) fn read(folder: &Path, team: &RunTeam) -> Self {
        let found = match verdict::stored(folder) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "the verdicts of evaluations cannot be read");
                return Self::default();
            }
        };
        for skipped in &found.skipped {
            tracing::warn!(path = %skipped.path.display(), reason = skipped.reason, "skipped");
        }
        let Some(models) = team.digests() else { return Self::default() };
        let is_its = |verdict: &EvalVerdict| {
            verdict.key.stack == team.stack
                && verdict.key.models == models
                && Recipe::named(&verdict.key.recipe).is_ok()
        };
        Self(found.documents.into_iter().filter(is_its).collect())
    }

    /// The choice for `goal` within `budget`; `None` where nothing was found.
    pub(crate) fn choose(&self, goal: &str, budget: &RunBudget) -> Option<Choice<'_>> {
        let shape = if goal_parts(goal).is_empty() { GoalShape::Whole } else { GoalShape::Parts };
        let first = match budget {
            RunBudget { tokens: Some(_), time_ms: None, .. } => Equality::Tokens,
            _ => Equality::Seconds,
        };
        choose(&self.0, shape, first)
    }
}

/// What a run says of `choice`.
pub(crate) fn note(choice: &Choice<'_>) -> String {
    let Choice { chosen, equality, verdict } = choice;
    let chosen = match chosen {
        Chosen::Solo => "solo".to_owned(),
        Chosen::Recipe(recipe) => format!("the recipe `{recipe}`"),
    };
    let at = UNIX_EPOCH + Duration::from_millis(verdict.measured_ms);
    let day = humantime::format_rfc3339_seconds(at).to_string();
    let day = day.split('T').next().unwrap_or_default();
    let difference = verdict.at(*equality).difference;
    let points = |share: f64| format!("{:+.0}", share * 100.0);
    let bounds = match (difference.ci95_low, difference.ci95_high) {
        (Some(low), Some(high)) => format!(" ({} to {})", points(low), points(high)),
        _ => String::new(),
    };
    format!(
        "auto: {chosen}, since `harmonic eval {}` on {day} showed `{}` against one agent at equal {} \
         at {} points{bounds} over {} items",
        verdict.key.suite,
        verdict.key.recipe,
        equality.name(),
        points(difference.mean),
        verdict.items
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use harmonic_types::{EqualVerdict, EvalKey, Interval, Provenance, Ruling};

    use super::*;

    fn verdict(suite: &str, ruling: Ruling, mean: f64) -> EvalVerdict {
        let bounds = (Some(mean - 0.1), Some(mean + 0.1));
        let difference = Interval { mean, ci95_low: bounds.0, ci95_high: bounds.1 };
        let equal = EqualVerdict { ruling, difference, p_value: 0.001 };
        EvalVerdict {
            schema: EvalVerdict::SCHEMA.to_owned(),
            key: EvalKey {
                stack: "starter".to_owned(),
                recipe: "split".to_owned(),
                suite: suite.to_owned(),
                models: BTreeMap::new(),
            },
            measured_ms: 1_796_000_000_000,
            items: 100,
            tokens: equal,
            seconds: equal,
            provenance: Provenance::Measured,
        }
    }

    #[test]
    fn a_run_says_what_was_chosen_when_it_was_measured_and_by_how_much() {
        let verdicts = Verdicts(vec![
            verdict("chain", Ruling::SoloBetter, -0.34),
            verdict("breadth", Ruling::TeamBetter, 0.21),
        ]);
        let said = |goal: &str| {
            verdicts.choose(goal, &RunBudget::default()).map(|choice| note(&choice)).unwrap()
        };
        assert_eq!(
            said("Work it out."),
            "auto: solo, since `harmonic eval chain` on 2026-11-30 showed `split` against one agent \
             at equal seconds at -34 points (-44 to -24) over 100 items"
        );
        assert!(
            said("- one\n- two")
                .starts_with("auto: the recipe `split`, since `harmonic eval breadth`")
        );
        assert!(Verdicts::default().choose("Work it out.", &RunBudget::default()).is_none());
    }
}

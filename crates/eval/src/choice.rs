//! The choice between one agent and a recipe, from stored verdicts.
//!
//! A suite speaks for goals of its shape: `breadth` for goals that list parts, all others for goals
//! that do not. Of the two equalities that one decides whose bound the run has, and without a bound
//! the seconds, since tokens of an own machine cost time; the other decides where the first shows no
//! difference. Verdicts that contradict each other decide nothing.

use std::collections::BTreeMap;

use harmonic_types::{Equality, EvalVerdict, Ruling};

use crate::suite::{GoalShape, Suite};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// One agent answers.
    Solo,
    /// The recipe of this name is done.
    Recipe(String),
}

/// A choice, and the verdict that it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice<'a> {
    /// What is to be done.
    pub chosen: Chosen,
    /// The equality that has decided.
    pub equality: Equality,
    /// The verdict with the largest difference.
    pub verdict: &'a EvalVerdict,
}

/// The choice for a goal of this `shape` by `verdicts` on the stack and models that do it; `first` is
/// the equality that decides first. `None` where they show nothing.
pub fn choose(verdicts: &[EvalVerdict], shape: GoalShape, first: Equality) -> Option<Choice<'_>> {
    let speaks = |verdict: &&EvalVerdict| {
        Suite::named(&verdict.key.suite).is_ok_and(|suite| suite.shape() == shape)
    };
    let mut recipes: BTreeMap<&str, Vec<&EvalVerdict>> = BTreeMap::new();
    for verdict in verdicts.iter().filter(speaks) {
        recipes.entry(&verdict.key.recipe).or_default().push(verdict);
    }
    let second = match first {
        Equality::Tokens => Equality::Seconds,
        Equality::Seconds => Equality::Tokens,
    };
    [first, second].into_iter().find_map(|equality| {
        let decided = recipes.values().filter_map(|verdicts| decided(verdicts, equality));
        let (won, lost): (Vec<_>, Vec<_>) =
            decided.partition(|(ruling, _)| *ruling == Ruling::TeamBetter);
        if let Some(verdict) = clearest(won.into_iter().map(|(_, verdict)| verdict), equality) {
            let chosen = Chosen::Recipe(verdict.key.recipe.clone());
            return Some(Choice { chosen, equality, verdict });
        }
        let verdict = clearest(lost.into_iter().map(|(_, verdict)| verdict), equality)?;
        Some(Choice { chosen: Chosen::Solo, equality, verdict })
    })
}

/// The verdict with the largest difference.
fn clearest<'a>(
    verdicts: impl Iterator<Item = &'a EvalVerdict>,
    by: Equality,
) -> Option<&'a EvalVerdict> {
    let size = |verdict: &EvalVerdict| verdict.at(by).difference.mean.abs();
    verdicts.max_by(|a, b| size(a).total_cmp(&size(b)))
}

/// What the verdicts on one recipe show, and the clearest of them; `None` where they show nothing or
/// contradict each other.
fn decided<'a>(verdicts: &[&'a EvalVerdict], by: Equality) -> Option<(Ruling, &'a EvalVerdict)> {
    let is_clear = |one: &&EvalVerdict| one.at(by).ruling != Ruling::NoDifferenceShown;
    let mut shown = verdicts.iter().copied().filter(is_clear);
    let clearest = clearest(shown.clone(), by)?;
    let ruling = clearest.at(by).ruling;
    shown.all(|one| one.at(by).ruling == ruling).then_some((ruling, clearest))
}

#[cfg(test)]
mod tests {
    use harmonic_types::{EqualVerdict, EvalKey, Interval, Provenance};

    use super::*;

    fn verdict(recipe: &str, suite: &str, tokens: f64, seconds: f64) -> EvalVerdict {
        let equal = |mean: f64| EqualVerdict {
            ruling: match mean {
                mean if mean > 0.0 => Ruling::TeamBetter,
                mean if mean < 0.0 => Ruling::SoloBetter,
                _ => Ruling::NoDifferenceShown,
            },
            difference: Interval { mean, ci95_low: Some(mean), ci95_high: Some(mean) },
            p_value: 0.01,
        };
        EvalVerdict {
            schema: EvalVerdict::SCHEMA.to_owned(),
            key: EvalKey {
                stack: "starter".to_owned(),
                recipe: recipe.to_owned(),
                suite: suite.to_owned(),
                models: BTreeMap::new(),
            },
            measured_ms: 0,
            items: 100,
            tokens: equal(tokens),
            seconds: equal(seconds),
            provenance: Provenance::Measured,
        }
    }

    fn chosen(verdicts: &[EvalVerdict], shape: GoalShape, first: Equality) -> Option<String> {
        let choice = choose(verdicts, shape, first)?;
        let by = choice.equality.name();
        let suite = &choice.verdict.key.suite;
        Some(match choice.chosen {
            Chosen::Solo => format!("solo by {suite} in {by}"),
            Chosen::Recipe(recipe) => format!("{recipe} by {suite} in {by}"),
        })
    }

    #[test]
    fn a_suite_speaks_for_goals_of_its_shape() {
        let both = [verdict("split", "breadth", 0.2, 0.3), verdict("split", "chain", -0.3, -0.4)];
        let by = |shape| chosen(&both, shape, Equality::Seconds).unwrap();
        assert_eq!(by(GoalShape::Parts), "split by breadth in seconds");
        assert_eq!(by(GoalShape::Whole), "solo by chain in seconds");
        assert_eq!(chosen(&both[..1], GoalShape::Whole, Equality::Seconds), None);
        assert_eq!(
            chosen(&[verdict("split", "??", 1.0, 1.0)], GoalShape::Whole, Equality::Tokens),
            None
        );
    }

    #[test]
    fn the_equality_of_the_bound_decides_and_else_the_other() {
        let mixed = [verdict("split", "chain", -0.2, 0.2)];
        let by = |first| chosen(&mixed, GoalShape::Whole, first).unwrap();
        assert_eq!(by(Equality::Seconds), "split by chain in seconds");
        assert_eq!(by(Equality::Tokens), "solo by chain in tokens");
        let tokens = [verdict("split", "chain", -0.2, 0.0)];
        let found = chosen(&tokens, GoalShape::Whole, Equality::Seconds).unwrap();
        assert_eq!(found, "solo by chain in tokens");
    }

    #[test]
    fn the_best_recipe_wins_and_contradictions_decide_nothing() {
        let whole =
            |verdicts: &[EvalVerdict]| chosen(verdicts, GoalShape::Whole, Equality::Seconds);
        let several = [
            verdict("split", "chain", 0.0, -0.4),
            verdict("vote", "chain", 0.0, 0.1),
            verdict("vote", "gsm8k", 0.0, 0.2),
            verdict("code", "gsm8k", 0.0, 0.15),
        ];
        assert_eq!(whole(&several).unwrap(), "vote by gsm8k in seconds");
        let contradicting =
            [verdict("split", "chain", 0.0, -0.4), verdict("split", "gsm8k", 0.0, 0.2)];
        assert_eq!(whole(&contradicting), None);
        assert_eq!(whole(&[verdict("split", "chain", 0.0, 0.0)]), None);
        assert_eq!(whole(&[]), None);
    }
}

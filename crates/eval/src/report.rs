//! What an evaluation has found, as a document.

use harmonic_types::{EqualVerdict, Equality, Joules};
use serde::Serialize;

use crate::arm::Arm;
use crate::attempt::{Attempt, ItemOutcome};
use crate::comparison::{Comparison, compare};
use crate::suite::Suite;

/// An evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalReport {
    /// [`EvalReport::SCHEMA`].
    pub schema: &'static str,
    /// Name of the stack; `None` for a server elsewhere.
    pub stack: Option<String>,
    /// Recipe of the team.
    pub recipe: String,
    /// Seed of items and runs.
    pub seed: u64,
    /// Bound on the tokens of each task's answer.
    pub max_tokens: u32,
    /// The suites, in the order in which they were done.
    pub suites: Vec<SuiteReport>,
    /// Why not all was done; `None` where it was.
    pub interrupted: Option<String>,
}

impl EvalReport {
    /// Schema of this version.
    pub const SCHEMA: &'static str = "harmonic.eval/1";
}

/// What was found on one suite.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SuiteReport {
    /// Name of the suite.
    pub suite: &'static str,
    /// Items that were to be answered.
    pub planned: u32,
    /// Items that all sides answered.
    pub done: u32,
    /// The sides.
    pub arms: Vec<ArmFigures>,
    /// The comparisons with one agent.
    pub comparisons: Vec<Comparison>,
    /// Why no verdict is stated, where it is withheld.
    pub withheld: Option<String>,
}

impl SuiteReport {
    /// Report of the `outcomes` of `suite`, of which `planned` were to be had. With `withheld` no
    /// verdict is stated.
    pub fn new(
        suite: Suite,
        outcomes: &[ItemOutcome],
        planned: usize,
        arms: &[Arm],
        withheld: Option<String>,
    ) -> Self {
        let comparisons = arms.iter().filter(|arm| **arm != Arm::Solo).flat_map(|arm| {
            Equality::ALL.into_iter().filter_map(move |equality| compare(outcomes, *arm, equality))
        });
        let comparisons = comparisons.map(|found| Comparison {
            ruling: found.ruling.filter(|_| withheld.is_none()),
            ..found
        });
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            suite: suite.name(),
            planned: count(planned),
            done: count(outcomes.len()),
            arms: arms.iter().filter_map(|arm| ArmFigures::of(*arm, outcomes)).collect(),
            comparisons: comparisons.collect(),
            withheld,
        }
    }

    /// The verdicts at equal tokens and at equal seconds on `arm`; `None` where they are withheld.
    pub fn verdicts(&self, arm: Arm) -> Option<[EqualVerdict; 2]> {
        let at = |equality: Equality| {
            let found =
                self.comparisons.iter().find(|one| (one.arm, one.equality) == (arm, equality));
            found.and_then(Comparison::verdict)
        };
        Some([at(Equality::Tokens)?, at(Equality::Seconds)?])
    }
}

/// What one side has done.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ArmFigures {
    /// The side; one agent with one answer.
    pub arm: Arm,
    /// Items that it gets right.
    pub right: u32,
    /// Items whose run had no whole answer.
    pub cut: u32,
    /// Tokens of an answer, read and written, on average.
    pub tokens: f64,
    /// Wall time of an answer in seconds, on average.
    pub seconds: f64,
    /// Energy of an answer, on average; `None` where one has none.
    pub joules: Option<Joules>,
}

impl ArmFigures {
    /// Figures of `arm` over the items that it answered; `None` without any.
    pub fn of(arm: Arm, outcomes: &[ItemOutcome]) -> Option<Self> {
        let answers: Vec<&Attempt> = outcomes
            .iter()
            .filter_map(|outcome| match arm {
                Arm::Solo => outcome.solo.first(),
                other => outcome.others.get(&other),
            })
            .collect();
        if answers.is_empty() {
            return None;
        }
        let n = answers.len() as f64;
        let count = |is: fn(&Attempt) -> bool| {
            let count = answers.iter().filter(|answer| is(answer)).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        let joules: Option<f64> =
            answers.iter().map(|answer| answer.cost.joules.map(|joules| joules.0)).sum();
        Some(Self {
            arm,
            right: count(|answer| answer.is_right),
            cut: count(|answer| answer.is_cut),
            tokens: answers.iter().map(|answer| answer.cost.tokens as f64).sum::<f64>() / n,
            seconds: answers.iter().map(|answer| answer.cost.ms as f64).sum::<f64>() / n / 1000.0,
            joules: joules.map(|joules| Joules(joules / n)),
        })
    }
}

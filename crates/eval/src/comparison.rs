//! Comparison of a side with one agent over the same items.
//!
//! The verdict is stated only where both say so: the exact test at 5%, and the interval, which must
//! not hold zero. No correction is made for several verdicts: of twenty on equal sides one is wrong.

use harmonic_types::{EqualVerdict, Equality, Interval, Ruling};
use serde::Serialize;

use crate::arm::Arm;
use crate::attempt::{Attempt, ItemOutcome, majority, within};
use crate::statistics::{exact_mcnemar, paired_difference};

/// Level of the test.
const LEVEL: f64 = 0.05;

/// A side against one agent, at one equality.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The side.
    pub arm: Arm,
    /// What is equal.
    pub equality: Equality,
    /// Items.
    pub items: u32,
    /// Items that both get right.
    pub both_right: u32,
    /// Items that the side alone gets right.
    pub only_team: u32,
    /// Items that one agent alone gets right.
    pub only_solo: u32,
    /// Answers that one agent gave within the budget, on average.
    pub solo_answers: f64,
    /// Items on which one answer of one agent cost more than the side spent.
    pub over_budget: u32,
    /// Share of items that the side gets right minus that of one agent.
    pub difference: Interval,
    /// Two-sided p-value of McNemar's exact test.
    pub p_value: f64,
    /// The verdict; `None` where it is withheld.
    pub ruling: Option<Ruling>,
}

impl Comparison {
    /// What is stored of it; `None` where the verdict is withheld.
    pub fn verdict(&self) -> Option<EqualVerdict> {
        let Self { difference, p_value, .. } = *self;
        Some(EqualVerdict { ruling: self.ruling?, difference, p_value })
    }

    /// Share of items that one agent gets right.
    pub fn solo_share(&self) -> f64 {
        f64::from(self.both_right + self.only_solo) / f64::from(self.items.max(1))
    }

    /// Share of items that the side gets right.
    pub fn team_share(&self) -> f64 {
        f64::from(self.both_right + self.only_team) / f64::from(self.items.max(1))
    }
}

/// Compares `arm` with one agent at `equality`; `None` where no item has answers of both.
pub fn compare(outcomes: &[ItemOutcome], arm: Arm, equality: Equality) -> Option<Comparison> {
    let mut counts = Counts::default();
    for outcome in outcomes {
        let Some(team) = outcome.others.get(&arm) else { continue };
        let budget = team.cost.of(equality);
        let solo = within(&outcome.solo, budget, equality);
        let Some(answer) = majority(solo) else { continue };
        counts.add(team, answer, solo, budget, equality);
    }
    let difference = paired_difference(counts.only_team, counts.only_solo, counts.items)?;
    let p_value = exact_mcnemar(counts.only_team, counts.only_solo);
    Some(Comparison {
        arm,
        equality,
        items: counts.items,
        both_right: counts.both_right,
        only_team: counts.only_team,
        only_solo: counts.only_solo,
        solo_answers: counts.answers as f64 / f64::from(counts.items.max(1)),
        over_budget: counts.over_budget,
        difference,
        p_value,
        ruling: Some(ruling(difference, p_value)),
    })
}

#[derive(Default)]
struct Counts {
    items: u32,
    both_right: u32,
    only_team: u32,
    only_solo: u32,
    over_budget: u32,
    answers: u64,
}

impl Counts {
    fn add(
        &mut self,
        team: &Attempt,
        answer: &Attempt,
        solo: &[Attempt],
        budget: u64,
        equality: Equality,
    ) {
        self.items += 1;
        self.answers += solo.len() as u64;
        let spent = solo.iter().map(|sample| sample.cost.of(equality));
        self.over_budget += u32::from(spent.fold(0, u64::saturating_add) > budget);
        match (team.is_right, answer.is_right) {
            (true, true) => self.both_right += 1,
            (true, false) => self.only_team += 1,
            (false, true) => self.only_solo += 1,
            (false, false) => {}
        }
    }
}

fn ruling(difference: Interval, p_value: f64) -> Ruling {
    match (difference.ci95_low, difference.ci95_high) {
        (Some(low), _) if low > 0.0 && p_value < LEVEL => Ruling::TeamBetter,
        (_, Some(high)) if high < 0.0 && p_value < LEVEL => Ruling::SoloBetter,
        _ => Ruling::NoDifferenceShown,
    }
}

#[cfg(test)]
mod tests;

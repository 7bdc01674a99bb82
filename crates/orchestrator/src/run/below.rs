//! Runs that were started from inside of this one: their descent, and what they spend.

use harmonic_types::{ChildRun, Joules, RunBudget, RunId, RunSpent, Usage};

use super::Run;
use crate::budget::{add_usage, joules, smaller};
use crate::lineage::{Ancestor, Lineage};

impl Run {
    /// Descent of a run that is started from inside of this one.
    pub fn lineage_below(&self) -> Lineage {
        let mut ancestors = self.spec.lineage.ancestors.clone();
        ancestors.push(Ancestor {
            id: self.spec.id.clone(),
            goal_digest: Ancestor::digest(&self.spec.goal.text),
        });
        Lineage { ancestors, budget_left: self.budget.left() }
    }

    /// Bound on the tokens of a run that is started from inside of this one with `budget`.
    pub fn tokens_below(&self, budget: RunBudget) -> Option<u64> {
        smaller(budget, self.budget.left()).tokens
    }

    pub(super) fn started_below(&mut self, run: RunId, tokens: Option<u64>) {
        if let Some(tokens) = tokens {
            self.budget.reserve_below(run.clone(), tokens);
        }
        let spent = RunSpent::default();
        self.below.push(ChildRun { id: run, spent, has_ended: false });
    }

    pub(super) fn spent_below(&mut self, run: &RunId, usage: Usage, millijoules: Option<u64>) {
        self.budget.charge_below(run, usage, millijoules);
        if let Some(child) = self.below.iter_mut().find(|child| child.id == *run) {
            add_usage(&mut child.spent, usage);
            if let Some(more) = millijoules.map(joules) {
                let before = child.spent.joules.map_or(0.0, |Joules(before)| before);
                child.spent.joules = Some(Joules(before + more.0));
            }
        }
    }

    pub(super) fn ended_below(&mut self, run: &RunId) {
        self.budget.release_below(run);
        if let Some(child) = self.below.iter_mut().find(|child| child.id == *run) {
            child.has_ended = true;
        }
    }

    /// Nothing below outlives what drove this run.
    pub(super) fn end_all_below(&mut self) {
        for child in self.below.iter_mut().filter(|child| !child.has_ended) {
            child.has_ended = true;
            self.budget.release_below(&child.id);
        }
    }
}

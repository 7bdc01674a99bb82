//! The budget of a run: reserved before each call, settled after it.
//!
//! Invariants: what is spent and reserved by calls other than the last task's leaves that one's
//! reserve untouched; what is reserved never exceeds the bound.

use std::collections::BTreeMap;

use harmonic_types::{Joules, RunBudget, RunId, RunSpent, Usage};

use crate::call::CallId;

/// How much of a budget is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pressure {
    /// Less than [`HIGH`].
    Low,
    /// No new fan-out: votes, checks and condensations are left out.
    High,
    /// Only the last task.
    Exhausted,
    /// Nothing.
    Over,
}

/// Part of a bound from which on there is no new fan-out, in percent.
const HIGH: u64 = 80;
/// Part of a bound on time or energy from which on only the last task runs, in percent: what is
/// left is its reserve.
const LAST: u64 = 90;
/// Part of a bound on tokens that is the last task's reserve, at most.
const RESERVE_PART: u64 = 4;
/// Factor of a raise: half as much again.
const RAISE: (u64, u64) = (3, 2);

/// Accounts of a run.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    bounds: RunBudget,
    spent: RunSpent,
    millijoules: Option<u64>,
    reserved: BTreeMap<CallId, u64>,
    /// Tokens that the open runs below may still spend.
    below: BTreeMap<RunId, u64>,
    /// Tokens set aside for the last task.
    last_reserve: u64,
}

impl Budget {
    /// Accounts with `bounds`, of which nothing is spent.
    pub(crate) fn new(bounds: RunBudget) -> Self {
        Self {
            bounds,
            spent: RunSpent::default(),
            millijoules: None,
            reserved: BTreeMap::new(),
            below: BTreeMap::new(),
            last_reserve: 0,
        }
    }

    /// Bounds.
    pub(crate) fn bounds(&self) -> RunBudget {
        self.bounds
    }

    /// What has been spent.
    pub(crate) fn spent(&self) -> RunSpent {
        RunSpent { joules: self.millijoules.map(joules), ..self.spent }
    }

    /// Sets `tokens` aside for the last task, a quarter of the bound at most.
    pub(crate) fn set_last_reserve(&mut self, tokens: u64) {
        self.last_reserve = self.bounds.tokens.map_or(0, |bound| tokens.min(bound / RESERVE_PART));
    }

    /// Tokens that a call may still reserve; `None` is without bound.
    pub(crate) fn available(&self, is_last: bool) -> Option<u64> {
        let reserved = self.reserved();
        let taken = self.spent.tokens().saturating_add(reserved);
        let by_tokens = self.bounds.tokens.map(|bound| {
            let kept = if is_last { 0 } else { self.last_reserve };
            bound.saturating_sub(taken).saturating_sub(kept)
        });
        let by_energy = self.energy_left(is_last).map(|tokens| tokens.saturating_sub(reserved));
        match (by_tokens, by_energy) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Tokens that the energy bears at the rate so far; `None` without a bound or a rate.
    fn energy_left(&self, is_last: bool) -> Option<u64> {
        let bound = millijoules(self.bounds.joules?);
        let bound = if is_last { bound } else { percent(bound, LAST) };
        let (spent, tokens) = (self.millijoules?, self.spent.tokens());
        let left = u128::from(bound.saturating_sub(spent)) * u128::from(tokens);
        let left = left / u128::from(spent.max(1));
        Some(u64::try_from(left).unwrap_or(u64::MAX))
    }

    fn reserved(&self) -> u64 {
        self.reserved
            .values()
            .chain(self.below.values())
            .fold(0, |sum, more| sum.saturating_add(*more))
    }

    /// Whether calls or runs below that are open have tokens reserved, of which some may come back.
    pub(crate) fn has_reserved(&self) -> bool {
        !self.reserved.is_empty() || self.has_reserved_below()
    }

    /// Whether runs below have tokens reserved.
    pub(crate) fn has_reserved_below(&self) -> bool {
        self.below.values().any(|tokens| *tokens > 0)
    }

    /// Whether runs below have more tokens reserved than a call may still reserve.
    pub(crate) fn is_held_below(&self, is_last: bool) -> bool {
        let below = self.below.values().fold(0, |sum: u64, more| sum.saturating_add(*more));
        self.available(is_last).is_some_and(|available| below > available)
    }

    /// Reserves `tokens` for the run `run` below.
    pub(crate) fn reserve_below(&mut self, run: RunId, tokens: u64) {
        self.below.insert(run, tokens);
    }

    /// Books what the run `run` below has spent.
    pub(crate) fn charge_below(&mut self, run: &RunId, usage: Usage, millijoules: Option<u64>) {
        if let Some(left) = self.below.get_mut(run) {
            let mut spent = RunSpent::default();
            add_usage(&mut spent, usage);
            *left = left.saturating_sub(spent.tokens());
        }
        self.charge(usage, millijoules);
    }

    /// Gives back what the run `run` below has reserved and not spent.
    pub(crate) fn release_below(&mut self, run: &RunId) {
        self.below.remove(run);
    }

    /// Reserves `tokens` for `call`; whether the budget bears them.
    pub(crate) fn reserve(&mut self, call: CallId, tokens: u64, is_last: bool) -> bool {
        let bears = self.available(is_last).is_none_or(|available| tokens <= available);
        if bears {
            self.reserved.insert(call, tokens);
        }
        bears
    }

    /// Gives back what `call` has reserved.
    pub(crate) fn release(&mut self, call: CallId) {
        self.reserved.remove(&call);
    }

    /// Books what was spent.
    pub(crate) fn settle(&mut self, call: CallId, usage: Option<Usage>, millijoules: Option<u64>) {
        self.release(call);
        self.charge(usage.unwrap_or_default(), millijoules);
    }

    /// Books what was spent without a reservation.
    pub(crate) fn charge(&mut self, usage: Usage, millijoules: Option<u64>) {
        add_usage(&mut self.spent, usage);
        if let Some(more) = millijoules {
            self.millijoules = Some(self.millijoules.unwrap_or(0).saturating_add(more));
        }
    }

    /// Adds time in which the run did not wait for a person.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.spent.time_ms = self.spent.time_ms.saturating_add(ms);
    }

    /// How much of the bounds is gone.
    pub(crate) fn pressure(&self) -> Pressure {
        let of = |spent: u64, bound: Option<u64>, last: u64| match bound {
            Some(bound) if spent >= bound => Pressure::Over,
            Some(bound) if spent >= percent(bound, last) => Pressure::Exhausted,
            Some(bound) if spent >= percent(bound, HIGH) => Pressure::High,
            _ => Pressure::Low,
        };
        // Tokens are held by reservations; what exceeds them ends nothing that runs.
        let tokens = of(self.spent.tokens(), self.bounds.tokens, 100).min(Pressure::Exhausted);
        let time = of(self.spent.time_ms, self.bounds.time_ms, LAST);
        let bound = self.bounds.joules.map(millijoules);
        let energy = of(self.millijoules.unwrap_or(0), bound, LAST).min(Pressure::Exhausted);
        tokens.max(time).max(energy)
    }

    /// Whether what is left of the time is the last task's.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.bounds.time_ms.is_some_and(|bound| self.spent.time_ms >= percent(bound, LAST))
    }

    /// Time until the pressure by time rises to [`Pressure::Exhausted`] or beyond; `None` without a
    /// bound, or past it.
    pub(crate) fn until_next_time(&self) -> Option<u64> {
        let bound = self.bounds.time_ms?;
        let steps = [percent(bound, LAST), bound];
        let next = steps.into_iter().find(|step| *step > self.spent.time_ms)?;
        Some(next - self.spent.time_ms)
    }

    /// Bounds after a raise.
    pub(crate) fn raised(&self) -> RunBudget {
        let more = |bound: u64| {
            let raised = u128::from(bound) * u128::from(RAISE.0) / u128::from(RAISE.1);
            u64::try_from(raised).unwrap_or(u64::MAX)
        };
        RunBudget {
            tokens: self.bounds.tokens.map(more),
            time_ms: self.bounds.time_ms.map(more),
            joules: self
                .bounds
                .joules
                .map(|bound| Joules(bound.0 * RAISE.0 as f64 / RAISE.1 as f64)),
        }
    }

    /// Replaces the bounds.
    pub(crate) fn set_bounds(&mut self, bounds: RunBudget) {
        self.bounds = bounds;
    }

    /// What is left for a run that is started from inside of this one.
    pub(crate) fn left(&self) -> RunBudget {
        let energy = self
            .bounds
            .joules
            .map(|bound| joules(millijoules(bound).saturating_sub(self.millijoules.unwrap_or(0))));
        RunBudget {
            tokens: self.bounds.tokens.and(self.available(false)),
            time_ms: self.bounds.time_ms.map(|bound| bound.saturating_sub(self.spent.time_ms)),
            joules: energy,
        }
    }
}

/// The smaller of two budgets, bound by bound.
pub(crate) fn smaller(a: RunBudget, b: RunBudget) -> RunBudget {
    fn least<T: PartialOrd + Copy>(a: Option<T>, b: Option<T>) -> Option<T> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b < a { b } else { a }),
            (a, b) => a.or(b),
        }
    }
    RunBudget {
        tokens: least(a.tokens, b.tokens),
        time_ms: least(a.time_ms, b.time_ms),
        joules: least(a.joules, b.joules),
    }
}

/// Adds the tokens of `usage` to `spent`.
pub(crate) fn add_usage(spent: &mut RunSpent, usage: Usage) {
    let add = |sum: &mut u64, more: u32| *sum = sum.saturating_add(u64::from(more));
    add(&mut spent.prompt_tokens, usage.prompt_tokens);
    // A cache holds no more than there is.
    add(&mut spent.cached_tokens, usage.cached_tokens.min(usage.prompt_tokens));
    add(&mut spent.output_tokens, usage.completion_tokens);
}

/// `bound` in millijoules; a bound is finite and positive.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates")]
fn millijoules(bound: Joules) -> u64 {
    (bound.0 * 1000.0) as u64
}

pub(crate) fn joules(millijoules: u64) -> Joules {
    Joules(millijoules as f64 / 1000.0)
}

fn percent(bound: u64, percent: u64) -> u64 {
    let part = u128::from(bound) * u128::from(percent) / 100;
    u64::try_from(part).unwrap_or(bound)
}

#[cfg(test)]
mod tests;

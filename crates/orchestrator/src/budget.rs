//! The budget of a run: reserved before each call, settled after it.

use harmonic_types::{RunBudget, RunSpent};

/// Tokens, reserved for one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Tokens.
    pub tokens: u64,
}

/// How much of a budget is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// Less than 80 %.
    Low,
    /// 80 % or more: no new fan-out.
    High,
    /// 100 %: only the join.
    Exhausted,
}

/// Accounts of a run.
#[derive(Clone, Debug)]
pub struct Budget {
    bounds: RunBudget,
    spent: RunSpent,
}

impl Budget {
    /// Bounds.
    pub fn bounds(&self) -> RunBudget {
        self.bounds
    }

    /// What has been spent.
    pub fn spent(&self) -> RunSpent {
        self.spent
    }
}

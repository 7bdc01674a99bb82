//! Failures in a row, and when they mean that the target is dead.
//!
//! Owns: the two rules of giving up.
//!
//! Invariants: one good sign from any stream ends a streak (the meter drops it).

use std::time::Duration;

/// Failures without any output or good end between them, on any stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConsecutiveFailures {
    since: Duration,
    failures: u32,
    unreached: u32,
}

impl ConsecutiveFailures {
    /// The fewest failures that mean anything.
    const FEWEST: u32 = 3;

    /// None yet.
    pub(super) const fn starting(now: Duration) -> Self {
        Self { since: now, failures: 0, unreached: 0 }
    }

    /// One more; `gone` if the target could not even be reached.
    pub(super) const fn add(&mut self, gone: bool) {
        self.failures = self.failures.saturating_add(1);
        if gone {
            self.unreached = self.unreached.saturating_add(1);
        }
    }

    /// Whether to give up: at once where nobody is there, after `patience` where somebody is who
    /// may only be busy.
    pub(super) fn is_deadly(&self, now: Duration, patience: Duration) -> bool {
        self.unreached >= Self::FEWEST
            || (self.failures >= Self::FEWEST && now.saturating_sub(self.since) >= patience)
    }
}

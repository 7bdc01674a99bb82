//! Consecutive failures, and the rule by which they make the target count as dead.
//!
//! Invariants: output or completion of any stream ends the sequence (the recorder drops it).

use std::time::Duration;

/// Failures without output or completion between them, on any stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConsecutiveFailures {
    since: Duration,
    failures: u32,
    unreached: u32,
}

impl ConsecutiveFailures {
    /// Minimum number of failures.
    const MIN_FAILURES: u32 = 3;

    /// Empty sequence.
    pub(super) const fn starting(now: Duration) -> Self {
        Self { since: now, failures: 0, unreached: 0 }
    }

    /// Adds a failure; `gone` if the target could not be reached.
    pub(super) const fn add(&mut self, gone: bool) {
        self.failures = self.failures.saturating_add(1);
        if gone {
            self.unreached = self.unreached.saturating_add(1);
        }
    }

    /// Whether the target counts as dead: at once if it cannot be reached, after `patience` if it
    /// refuses, because it may only be busy.
    pub(super) fn is_target_dead(&self, now: Duration, patience: Duration) -> bool {
        self.unreached >= Self::MIN_FAILURES
            || (self.failures >= Self::MIN_FAILURES && now.saturating_sub(self.since) >= patience)
    }
}

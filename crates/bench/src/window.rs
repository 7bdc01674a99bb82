//! Measurement window of a level.
//!
//! Invariants: half open, so that adjacent windows share no event.
//!
//! Does not do: choose the edges (`throughput_recorder`, `open_loop`).

use std::time::Duration;

/// Interval (`from`, `to`], with `to` after `from`; times are relative to the start of the load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Start, exclusive.
    pub from: Duration,
    /// End, inclusive.
    pub to: Duration,
    /// Number of requests that ended within it.
    pub ended: u64,
    /// Mean number of requests in flight.
    pub in_flight: f64,
}

impl Window {
    /// Whether `at` lies within it.
    pub fn contains(&self, at: Duration) -> bool {
        self.from < at && at <= self.to
    }

    /// Length in seconds; more than zero.
    pub fn seconds(&self) -> f64 {
        self.to.saturating_sub(self.from).as_secs_f64()
    }
}

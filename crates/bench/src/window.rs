//! A stretch of a level's time that is measured.
//!
//! Owns: its edges. Half open, so that adjoining windows share no arrival.
//!
//! Does not do: decide where windows begin and end (`meter`).

use std::time::Duration;

/// After `from`, up to and including `to`; `to` is the later one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Start, not included.
    pub from: Duration,
    /// End, included.
    pub to: Duration,
    /// Requests that ended in it.
    pub ended: u64,
    /// Mean requests outstanding.
    pub in_flight: f64,
}

impl Window {
    /// Whether `at` lies in it.
    pub fn holds(&self, at: Duration) -> bool {
        self.from < at && at <= self.to
    }

    /// Its length in seconds; more than zero.
    pub fn seconds(&self) -> f64 {
        self.to.saturating_sub(self.from).as_secs_f64()
    }
}

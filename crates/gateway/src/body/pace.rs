//! How fast a body must come.
//!
//! Invariants: what comes at a steady pace and in time is never behind; whoever holds memory and
//! stops sending is, after one window.

use std::time::Duration;

use tokio::time::Instant;

/// The part of what has come that must be added to it within a window. A steady sender that is just
/// in time adds as much in a sixth of its time.
const PART: usize = 8;

/// How fast one body must come.
#[derive(Debug)]
pub(super) struct Pace {
    /// When all of it must have come.
    end: Instant,
    /// Until when an eighth must be added.
    window: Duration,
    due: Option<(usize, Instant)>,
}

impl Pace {
    /// Of a body that must have come by `end`, and holds nothing yet.
    pub(super) fn new(end: Instant, window: Duration) -> Self {
        Self { end, window, due: None }
    }

    /// So many `bytes` of at most `longest` have come, and memory is held for them.
    pub(super) fn came(&mut self, bytes: usize, longest: usize, now: Instant) {
        if self.due.is_none_or(|(due, _)| bytes >= due) {
            let due = bytes.saturating_add(bytes / PART).min(longest);
            self.due = Some((due, now + self.window));
        }
    }

    /// The sender could not send for so long.
    pub(super) fn pause(&mut self, waited: Duration) {
        self.end += waited;
        if let Some((_, until)) = &mut self.due {
            *until += waited;
        }
    }

    /// When the next piece must have come.
    pub(super) fn deadline(&self) -> Instant {
        self.due.map_or(self.end, |(_, until)| until.min(self.end))
    }

    /// Whether the next deadline is that of a window.
    pub(super) fn is_behind(&self) -> bool {
        self.deadline() < self.end
    }
}

#[cfg(test)]
mod tests;

//! Deadlines of an upload: one for the whole body, and one for the next part of it.
//!
//! Invariants: a body that arrives at a steady rate within the whole deadline never misses one for
//! a part; a client that stops sending while its body has memory misses it after one window.

use std::time::Duration;

use tokio::time::Instant;

/// Within a window, the received bytes must grow by one part in so many. A steady client that is
/// just in time grows by as much in a sixth of its time.
const GROWTH_PART: usize = 8;

/// Deadlines of one upload.
#[derive(Debug)]
pub(super) struct UploadDeadline {
    /// Deadline of the whole body.
    end: Instant,
    /// Time for the next eighth.
    window: Duration,
    /// Bytes that must be received next, and their deadline; `None` before memory is reserved.
    due: Option<(usize, Instant)>,
}

impl UploadDeadline {
    /// Deadline `end` for the whole body, none yet for a part.
    pub(super) fn new(end: Instant, window: Duration) -> Self {
        Self { end, window, due: None }
    }

    /// Records that `bytes`, of at most `longest`, are received and have memory.
    pub(super) fn received(&mut self, bytes: usize, longest: usize, now: Instant) {
        if self.due.is_none_or(|(due, _)| bytes >= due) {
            let due = bytes.saturating_add(bytes / GROWTH_PART).min(longest);
            self.due = Some((due, now + self.window));
        }
    }

    /// Extends the deadlines by the time that the server made the client wait.
    pub(super) fn extend(&mut self, waited: Duration) {
        self.end += waited;
        if let Some((_, until)) = &mut self.due {
            *until += waited;
        }
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Instant {
        self.due.map_or(self.end, |(_, until)| until.min(self.end))
    }

    /// Whether the next deadline is that of a part.
    pub(super) fn is_stall(&self) -> bool {
        self.next() < self.end
    }
}

#[cfg(test)]
mod tests;

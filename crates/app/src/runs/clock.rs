//! Times of a run: milliseconds since its start, which never go back.
//!
//! Within a process they follow the monotonic clock. Between processes they follow the wall clock,
//! so that the time in which nobody drove the run counts for the deadlines of approvals.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Clock of one run in this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunClock {
    base: Instant,
    base_ms: u64,
}

impl RunClock {
    /// Clock of a run that was started at `started_ms` of the Unix epoch, and whose last entry is of
    /// the time `last_ms`.
    pub(crate) fn new(started_ms: u64, last_ms: u64) -> Self {
        let passed = unix_ms().saturating_sub(started_ms);
        Self { base: Instant::now(), base_ms: passed.max(last_ms) }
    }

    /// The time.
    pub(crate) fn now_ms(&self) -> u64 {
        self.at_ms(Instant::now())
    }

    /// The time of `instant`.
    pub(crate) fn at_ms(&self, instant: Instant) -> u64 {
        let passed = instant.saturating_duration_since(self.base).as_millis();
        self.base_ms.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// The instant of a time; one that is past is about now.
    pub(crate) fn instant(&self, at_ms: u64) -> Instant {
        self.base + Duration::from_millis(at_ms.saturating_sub(self.base_ms))
    }
}

/// Milliseconds since the Unix epoch; 0 if the clock is set before.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn times_never_go_back_where_the_wall_clock_does() {
        // The run started "in the future", and has an entry of a later time than the wall clock's.
        let clock = RunClock::new(u64::MAX, 5000);
        assert_eq!(clock.now_ms(), 5000);
        tokio::time::advance(Duration::from_millis(20)).await;
        assert_eq!(clock.now_ms(), 5020);
        assert_eq!(clock.instant(5040), Instant::now() + Duration::from_millis(20));
        assert!(clock.instant(0) <= Instant::now());
        // Far in the past, as a deadline may be after a jump forward.
        assert!(RunClock::new(0, 0).now_ms() > 1_000_000_000_000);
    }
}

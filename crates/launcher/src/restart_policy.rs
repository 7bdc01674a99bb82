//! Restart policy of engines that die: exponential back-off with a limit.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Limits of restarting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RestartLimits {
    /// Deaths within `window` after which the engine is not restarted. A failed start counts as
    /// one.
    pub(crate) max_deaths: usize,
    /// Time in which deaths are counted.
    pub(crate) window: Duration,
    /// Delay before the first restart; it doubles with every further death within `window`.
    pub(crate) initial_delay: Duration,
}

impl Default for RestartLimits {
    /// A fault that recurs at once reaches the limit within seconds, before clients have waited
    /// long; one that recurs every few minutes never reaches it.
    fn default() -> Self {
        Self {
            max_deaths: 5,
            window: Duration::from_mins(10),
            initial_delay: Duration::from_millis(250),
        }
    }
}

/// Recent deaths of one engine, oldest first, and the delay that follows from them.
#[derive(Debug)]
pub(crate) struct RestartPolicy {
    limits: RestartLimits,
    recent: VecDeque<Instant>,
}

impl RestartPolicy {
    pub(crate) fn new(limits: RestartLimits) -> Self {
        Self { limits, recent: VecDeque::new() }
    }

    /// Records a death at `now`; returns the delay before the next start, `None` at the limit.
    pub(crate) fn record_death(&mut self, now: Instant) -> Option<Duration> {
        while self.recent.front().is_some_and(|then| now - *then > self.limits.window) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        let doublings = u32::try_from(self.recent.len() - 1).unwrap_or(u32::MAX);
        (self.recent.len() < self.limits.max_deaths)
            .then(|| self.limits.initial_delay.saturating_mul(2u32.saturating_pow(doublings)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_and_the_fifth_death_in_ten_minutes_is_the_last() {
        let mut policy = RestartPolicy::new(RestartLimits::default());
        let now = Instant::now();
        let delays: Vec<_> =
            (0..5).map(|_| policy.record_death(now).map(|delay| delay.as_millis())).collect();
        assert_eq!(delays, [Some(250), Some(500), Some(1000), Some(2000), None]);
    }

    #[test]
    fn deaths_that_are_long_ago_do_not_count() {
        let mut policy = RestartPolicy::new(RestartLimits::default());
        let begin = Instant::now();
        for death in 0..100 {
            let delay = policy.record_death(begin + Duration::from_mins(3) * death);
            assert!(delay.is_some_and(|delay| delay <= Duration::from_secs(2)), "{death}");
        }
    }
}

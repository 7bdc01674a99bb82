//! How often an engine that dies is started again, and how soon.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The limits of restarting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RestartLimits {
    /// At this many deaths within `within` the engine stays dead. A start that fails is a death.
    pub(crate) most: usize,
    /// See `most`.
    pub(crate) within: Duration,
    /// Pause before the first restart; it doubles with every further death within `within`.
    pub(crate) pause: Duration,
}

impl Default for RestartLimits {
    /// A fault that comes back at once is given up after some seconds, before anybody has waited
    /// for long; one that comes every few minutes never is.
    fn default() -> Self {
        Self { most: 5, within: Duration::from_mins(10), pause: Duration::from_millis(250) }
    }
}

/// The deaths of one engine, the oldest first.
#[derive(Debug)]
pub(crate) struct RestartPolicy {
    limits: RestartLimits,
    recent: VecDeque<Instant>,
}

impl RestartPolicy {
    pub(crate) fn new(limits: RestartLimits) -> Self {
        Self { limits, recent: VecDeque::new() }
    }

    /// One more death, at `now`: how long to wait before the next start; `None` is for ever.
    pub(crate) fn add(&mut self, now: Instant) -> Option<Duration> {
        while self.recent.front().is_some_and(|then| now - *then > self.limits.within) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        let doublings = u32::try_from(self.recent.len() - 1).unwrap_or(u32::MAX);
        (self.recent.len() < self.limits.most)
            .then(|| self.limits.pause.saturating_mul(2u32.saturating_pow(doublings)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_the_fifth_death_in_ten_minutes_is_the_last() {
        let mut deaths = RestartPolicy::new(RestartLimits::default());
        let now = Instant::now();
        let millis: Vec<_> = (0..5).map(|_| deaths.add(now).map(|p| p.as_millis())).collect();
        assert_eq!(millis, [Some(250), Some(500), Some(1000), Some(2000), None]);
    }

    #[test]
    fn deaths_that_are_long_ago_do_not_count() {
        let mut deaths = RestartPolicy::new(RestartLimits::default());
        let begin = Instant::now();
        for death in 0..100 {
            let pause = deaths.add(begin + Duration::from_mins(3) * death);
            assert!(pause.is_some_and(|pause| pause <= Duration::from_secs(2)), "{death}");
        }
    }
}

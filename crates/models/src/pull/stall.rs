//! When a source that still sends something is too slow to wait for.
//!
//! Invariant: what counts is the sum of what arrived, over all attempts of one pull, so that
//! neither a byte now and then nor a connection that is made again and again keeps a pull going.

use std::time::Duration;

use harmonic_types::Bytes;
use tokio::time::Instant;

/// Longest that the head of an answer may take, with all redirects.
pub const HEADER_TIMEOUT: Duration = Duration::from_mins(1);

/// How slow a source may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StallPolicy {
    /// Least that it must bring in a period.
    pub min_bytes: Bytes,
    /// How long a period is.
    pub period: Duration,
    /// Periods in a row in which it may bring less.
    pub slow_periods: u32,
}

impl Default for StallPolicy {
    /// 256 KiB a minute, which a telephone line brings, or five minutes.
    fn default() -> Self {
        Self { min_bytes: Bytes(256 << 10), period: Duration::from_mins(1), slow_periods: 5 }
    }
}

/// The stall of one pull.
#[derive(Debug)]
pub(crate) struct StallDetector {
    policy: StallPolicy,
    period_began: Instant,
    /// Of this period.
    arrived: u64,
    slow_periods: u32,
}

/// A source that is given up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stalled(StallPolicy);

impl std::fmt::Display for Stalled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let StallPolicy { min_bytes, period, slow_periods } = self.0;
        let seconds = (period * slow_periods).as_secs();
        write!(f, "for {seconds} s it brought less than {min_bytes} every {} s", period.as_secs())
    }
}

impl StallDetector {
    /// Of a pull that begins.
    pub(crate) fn new(policy: StallPolicy, now: Instant) -> Self {
        Self { policy, period_began: now, arrived: 0, slow_periods: 0 }
    }

    /// Counts `bytes` more; none is worth counting, too, for time passes.
    pub(crate) fn count(&mut self, now: Instant, bytes: u64) -> Result<(), Stalled> {
        while now.saturating_duration_since(self.period_began) >= self.policy.period {
            let was_slow = self.arrived < self.policy.min_bytes.0;
            self.slow_periods = if was_slow { self.slow_periods + 1 } else { 0 };
            if self.slow_periods >= self.policy.slow_periods {
                return Err(Stalled(self.policy));
            }
            self.period_began += self.policy.period;
            self.arrived = 0;
        }
        self.arrived = self.arrived.saturating_add(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many minutes a source lasts that brings `bytes` every `seconds`.
    fn lasts(bytes: u64, seconds: u64) -> Option<u64> {
        let begin = Instant::now();
        let mut stall = StallDetector::new(StallPolicy::default(), begin);
        (0..3600 / seconds).map(|step| step * seconds).find_map(|at| {
            let now = begin + Duration::from_secs(at);
            stall.count(now, bytes).is_err().then_some(at / 60)
        })
    }

    #[test]
    fn a_trickle_is_given_up_after_minutes_and_a_slow_line_is_not() {
        let min_bytes = StallPolicy::default().min_bytes.0;
        assert_eq!(lasts(1, 20), Some(5));
        assert_eq!(lasts(0, 1), Some(5));
        assert_eq!(lasts(min_bytes / 3 - 1, 20), Some(5));
        assert_eq!(lasts(min_bytes / 3 + 1, 20), None);
        assert_eq!(lasts(min_bytes * 2, 90), None, "a minute without any now and then");
        assert_eq!(lasts(min_bytes, 600), Some(10), "long silence is several minutes");
    }
}

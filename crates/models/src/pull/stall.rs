//! Detection of stalled downloads.
//!
//! Invariant: bytes are counted over all attempts of a pull, so that neither single bytes nor
//! repeated connections prevent detection.

use std::time::Duration;

use harmonic_types::Bytes;
use tokio::time::Instant;

/// Timeout of a response's headers, redirects included.
pub const HEADER_TIMEOUT: Duration = Duration::from_mins(1);

/// Conditions for aborting a slow download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StallPolicy {
    /// Minimum bytes per period.
    pub min_bytes: Bytes,
    /// Length of a period.
    pub period: Duration,
    /// Consecutive periods below the minimum that abort the download.
    pub slow_periods: u32,
}

impl Default for StallPolicy {
    /// Below 256 KiB per minute, the rate of a telephone line, for five minutes.
    fn default() -> Self {
        Self { min_bytes: Bytes(256 << 10), period: Duration::from_mins(1), slow_periods: 5 }
    }
}

/// Detector of one pull.
#[derive(Debug)]
pub(crate) struct StallDetector {
    policy: StallPolicy,
    period_began: Instant,
    /// Bytes of the present period.
    arrived: u64,
    slow_periods: u32,
}

/// A stalled download.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stalled(StallPolicy);

impl std::fmt::Display for Stalled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let StallPolicy { min_bytes, period, slow_periods } = self.0;
        let seconds = (period * slow_periods).as_secs();
        write!(f, "it sent less than {min_bytes} per {} s for {seconds} s", period.as_secs())
    }
}

impl StallDetector {
    /// A detector for a pull that starts at `now`.
    pub(crate) fn new(policy: StallPolicy, now: Instant) -> Self {
        Self { policy, period_began: now, arrived: 0, slow_periods: 0 }
    }

    /// Counts further `bytes`; 0 only checks the time.
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

    /// Minutes until a source with `bytes` every `seconds` is detected as stalled.
    fn lasts(bytes: u64, seconds: u64) -> Option<u64> {
        let begin = Instant::now();
        let mut stall = StallDetector::new(StallPolicy::default(), begin);
        (0..3600 / seconds).map(|step| step * seconds).find_map(|at| {
            let now = begin + Duration::from_secs(at);
            stall.count(now, bytes).is_err().then_some(at / 60)
        })
    }

    #[test]
    fn a_trickle_is_detected_after_minutes_and_a_slow_line_is_not() {
        let min_bytes = StallPolicy::default().min_bytes.0;
        assert_eq!(lasts(1, 20), Some(5));
        assert_eq!(lasts(0, 1), Some(5));
        assert_eq!(lasts(min_bytes / 3 - 1, 20), Some(5));
        assert_eq!(lasts(min_bytes / 3 + 1, 20), None);
        assert_eq!(lasts(min_bytes * 2, 90), None, "an occasional minute without bytes");
        assert_eq!(lasts(min_bytes, 600), Some(10), "a long pause is several minutes");
    }
}

//! A completed request and its latencies.

use std::time::Duration;

use crate::target::ReportedUsage;

/// A successful request; times are relative to the start of the load.
#[derive(Clone, Debug, PartialEq)]
pub struct CompletedRequest {
    /// Time of sending.
    pub sent: Duration,
    /// Times of its output deltas; at least one.
    pub outputs: Vec<Duration>,
    /// Time of its end.
    pub ended: Duration,
    /// Usage reported by the target.
    pub usage: ReportedUsage,
    /// Whether it is the first completed request of its worker, which is shortened.
    pub shortened: bool,
}

impl CompletedRequest {
    /// From sending to the end.
    pub fn e2e(&self) -> Duration {
        self.ended.saturating_sub(self.sent)
    }

    /// From sending to the first output.
    pub fn ttft(&self) -> Option<Duration> {
        self.outputs.first().map(|first| first.saturating_sub(self.sent))
    }

    /// (E2E − TTFT) ÷ (n − 1), n from the usage; `None` for a single token.
    pub fn tpot(&self) -> Option<Duration> {
        let gaps = self.usage.completion_tokens.checked_sub(1).filter(|gaps| *gaps > 0)?;
        Some(self.e2e().saturating_sub(self.ttft()?) / gaps)
    }
}

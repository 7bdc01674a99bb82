//! Latency distributions of requests.
//!
//! Owns: TTFT, ITL, TPOT and E2E of completed requests (`ARCHITECTURE.md`, vocabulary).
//!
//! Invariants: times are kept in high dynamic range histograms of microseconds with three digits,
//! so the error is at most a thousandth for any number of tokens; no figure without samples.
//!
//! Does not do: select the requests (`level`).

use std::time::Duration;

use harmonic_types::Percentiles;
use hdrhistogram::Histogram;

use crate::completed_request::CompletedRequest;

/// Latency histograms of one level.
#[derive(Clone, Debug)]
pub struct Latencies {
    ttft: LatencyHistogram,
    itl: LatencyHistogram,
    tpot: LatencyHistogram,
    e2e: LatencyHistogram,
}

impl Default for Latencies {
    fn default() -> Self {
        let [ttft, itl, tpot, e2e] = std::array::from_fn(|_| LatencyHistogram::default());
        Self { ttft, itl, tpot, e2e }
    }
}

impl Latencies {
    /// Adds a completed request.
    pub fn add(&mut self, done: &CompletedRequest) {
        self.e2e.add(done.e2e());
        if let Some(ttft) = done.ttft() {
            self.ttft.add(ttft);
        }
        for pair in done.outputs.windows(2) {
            self.itl.add(pair[1].saturating_sub(pair[0]));
        }
        if let Some(tpot) = done.tpot() {
            self.tpot.add(tpot);
        }
    }

    /// Time to first token: from sending to the first output.
    pub fn ttft(&self) -> Option<Percentiles> {
        self.ttft.percentiles()
    }

    /// Gaps between outputs. A target that sends several tokens per delta has fewer and longer gaps.
    pub fn itl(&self) -> Option<Percentiles> {
        self.itl.percentiles()
    }

    /// (E2E − TTFT) ÷ (n − 1), n from the usage.
    pub fn tpot(&self) -> Option<Percentiles> {
        self.tpot.percentiles()
    }

    /// From sending to the end of the response.
    pub fn e2e(&self) -> Option<Percentiles> {
        self.e2e.percentiles()
    }
}

/// Histogram of times in microseconds.
#[derive(Clone, Debug)]
struct LatencyHistogram(Histogram<u64>);

impl Default for LatencyHistogram {
    fn default() -> Self {
        // From 1 µs to an hour, which exceeds any stall limit.
        Self(
            Histogram::new_with_bounds(1, 3_600_000_000, 3)
                .expect("the bounds are in order and 3 digits are allowed"),
        )
    }
}

impl LatencyHistogram {
    fn add(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    fn percentiles(&self) -> Option<Percentiles> {
        let ms = |micros: f64| micros / 1e3;
        let at = |quantile: f64| ms(self.0.value_at_quantile(quantile) as f64);
        (!self.0.is_empty()).then(|| Percentiles {
            mean: ms(self.0.mean()),
            sd: ms(self.0.stdev()),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::ReportedUsage;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() <= 1e-3, "{found} is not {expected}");
    }

    #[test]
    fn figures_are_those_of_the_definition_to_three_digits() {
        let mut times = LatencyHistogram::default();
        (1..=200).rev().map(ms).for_each(|time| times.add(time));
        let found = times.percentiles().unwrap();
        near(found.p50, 100.0);
        near(found.p90, 180.0);
        near(found.p99, 198.0);
        near(found.mean, 100.5);
        // Even from 1 to n: √((n² − 1) ÷ 12).
        near(found.sd, (39_999.0_f64 / 12.0).sqrt());
        assert_eq!(LatencyHistogram::default().percentiles(), None);
    }

    #[test]
    fn a_time_beyond_the_range_counts_as_its_end() {
        let mut times = LatencyHistogram::default();
        times.add(Duration::from_hours(10));
        near(times.percentiles().unwrap().p50, 3_600_000.0);
    }

    #[test]
    fn a_request_yields_the_four_figures() {
        let usage = ReportedUsage { prompt_tokens: 9, completion_tokens: 5, cached_tokens: None };
        let mut latencies = Latencies::default();
        latencies.add(&CompletedRequest {
            sent: ms(100),
            outputs: vec![ms(300), ms(340), ms(440)],
            ended: ms(500),
            usage,
            shortened: false,
        });
        near(latencies.ttft().unwrap().p50, 200.0);
        near(latencies.itl().unwrap().p50, 40.0);
        near(latencies.itl().unwrap().p99, 100.0);
        near(latencies.tpot().unwrap().p50, 50.0);
        near(latencies.e2e().unwrap().p50, 400.0);
    }
}

//! How long requests took, as percentiles.
//!
//! Owns: TTFT, ITL, TPOT and E2E of finished requests (`design.md`, vocabulary).
//!
//! Invariants: percentiles are times that occurred (nearest rank), in milliseconds; none without
//! samples.
//!
//! Does not do: choose the requests (`level`).

use std::time::Duration;

use harmonic_types::Percentiles;

use crate::meter::Done;

/// Samples of one level.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    ttft: Vec<Duration>,
    itl: Vec<Duration>,
    tpot: Vec<Duration>,
    e2e: Vec<Duration>,
}

impl Latencies {
    /// Takes in a finished request.
    pub fn add(&mut self, done: &Done) {
        let e2e = done.ended.saturating_sub(done.sent);
        self.e2e.push(e2e);
        let Some(first) = done.outputs.first() else { return };
        let ttft = first.saturating_sub(done.sent);
        self.ttft.push(ttft);
        self.itl.extend(done.outputs.windows(2).map(|pair| pair[1].saturating_sub(pair[0])));
        if let Some(gaps) = done.counted.completion.checked_sub(1).filter(|gaps| *gaps > 0) {
            self.tpot.push(e2e.saturating_sub(ttft) / gaps);
        }
    }

    /// Time to first token: from the send to the first output.
    pub fn ttft(&mut self) -> Option<Percentiles> {
        percentiles(&mut self.ttft)
    }

    /// Gaps between outputs. A target that sends several tokens at once has few and long ones.
    pub fn itl(&mut self) -> Option<Percentiles> {
        percentiles(&mut self.itl)
    }

    /// (E2E − TTFT) ÷ (n − 1), n from the usage.
    pub fn tpot(&mut self) -> Option<Percentiles> {
        percentiles(&mut self.tpot)
    }

    /// From the send to the end.
    pub fn e2e(&mut self) -> Option<Percentiles> {
        percentiles(&mut self.e2e)
    }
}

/// Nearest rank: the smallest sample with at least p% of the samples at or below it.
fn percentiles(samples: &mut [Duration]) -> Option<Percentiles> {
    samples.sort_unstable();
    let last = samples.len().checked_sub(1)?;
    let rank = |percent: usize| {
        let rank = (samples.len() * percent).div_ceil(100);
        samples[rank.saturating_sub(1).min(last)].as_secs_f64() * 1e3
    };
    Some(Percentiles { p50: rank(50), p90: rank(90), p99: rank(99) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Counted;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn ranks_are_those_of_the_definition() {
        let mut samples: Vec<Duration> = (1..=200).rev().map(ms).collect();
        let found = percentiles(&mut samples);
        assert_eq!(found, Some(Percentiles { p50: 100.0, p90: 180.0, p99: 198.0 }));
        let one = percentiles(&mut [ms(7)]);
        assert_eq!(one, Some(Percentiles { p50: 7.0, p90: 7.0, p99: 7.0 }));
        assert_eq!(percentiles(&mut []), None);
    }

    #[test]
    fn a_request_yields_the_four_figures() {
        let counted = Counted { prompt: 9, completion: 5, cached: None };
        let mut latencies = Latencies::default();
        latencies.add(&Done {
            sent: ms(100),
            outputs: vec![ms(300), ms(340), ms(440)],
            ended: ms(500),
            counted,
            opening: false,
        });
        let shown = [
            latencies.ttft().unwrap().p50,
            latencies.itl().unwrap().p50,
            latencies.itl().unwrap().p99,
            latencies.tpot().unwrap().p50,
            latencies.e2e().unwrap().p50,
        ]
        .map(|ms| format!("{ms:.3}"));
        assert_eq!(shown, ["200.000", "40.000", "100.000", "50.000", "400.000"]);
    }
}

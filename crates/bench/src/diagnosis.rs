//! Diagnosis of the server from the levels of a run.
//!
//! Owns: the detection of a server that processes one request at a time or does not stream, and of
//! throughput that grew faster than the number of requests.
//!
//! Invariants: a server that is merely saturated, so that each response takes longer, raises no
//! warning; a warning that applies to several levels is raised once, for the clearest.
//!
//! Does not do: look at single levels (`level_warning`).

use std::ops::Range;

use harmonic_types::{Interval, LevelResult};

use crate::warning::Warning;

/// Mean number of decoding requests if they are processed one at a time: one, with margins for the
/// pauses between requests and for noise. Below, the time is spent elsewhere (in prefill, for
/// instance), and the test is inconclusive.
const SERIAL_CONCURRENCY: Range<f64> = 0.5..1.5;

/// Relative difference of TPOT within which requests count as equally fast.
const TPOT_TOLERANCE: f64 = 0.25;

/// Factor of TTFT above which the first token counts as delayed.
const TTFT_INCREASE: f64 = 2.0;

/// Relative margin for noise of a good series.
const NOISE_MARGIN: f64 = 0.05;

/// TTFT below which a response may arrive in one piece because of network buffering.
const MIN_TTFT_MS: f64 = 100.0;

/// Maximum fraction of the response time after the first output of an unstreamed response.
const MAX_REMAINING_TIME: f64 = 0.02;

/// Minimum ratio of an unstreamed response's token rate after its first output to the aggregate
/// throughput.
const MIN_BURST: f64 = 10.0;

/// All warnings from `levels`, which may be in any order.
pub(crate) fn diagnose(levels: &[LevelResult]) -> Vec<Warning> {
    let mut levels: Vec<&LevelResult> = levels.iter().filter(|level| level.trials > 0).collect();
    levels.sort_by_key(|level| level.parallel);
    let warnings = [serialises(&levels), unstreamed(&levels), superlinear(&levels)];
    warnings.into_iter().flatten().collect()
}

/// Highest level at which the server processed one request at a time: throughput × TPOT, the mean
/// number of decoding requests, is one; TPOT equals that at the lowest level; and TTFT is delayed
/// instead.
///
/// Observed by the paper's §3.3 with Ollama's `NUM_PARALLEL` at 1.
fn serialises(levels: &[&LevelResult]) -> Option<Warning> {
    let lowest = levels.first()?;
    let alone = ResponseTiming::of(lowest)?;
    levels.iter().skip(1).rev().find_map(|level| {
        let timing = ResponseTiming::of(level)?;
        let same = (timing.token_ms / alone.token_ms - 1.0).abs() <= TPOT_TOLERANCE;
        let later = timing.first_ms > alone.first_ms * TTFT_INCREASE;
        (SERIAL_CONCURRENCY.contains(&timing.at_once) && same && later).then_some(
            Warning::Serialises {
                parallel: level.parallel,
                at_once: timing.at_once,
                first_ms: timing.first_ms,
                alone: lowest.parallel,
                alone_first_ms: alone.first_ms,
            },
        )
    })
}

/// Lowest level at which responses arrive in one piece, at their end: in the median the time after
/// the first output is less than that of one average token, and the token rate within it exceeds the
/// aggregate throughput by far. Very short responses, and those delayed by a queue or by prefill, do
/// not match.
fn unstreamed(levels: &[&LevelResult]) -> Option<Warning> {
    levels.iter().find_map(|level| {
        let (first_ms, whole_ms) = (level.ttft_ms.as_ref()?.p50, level.e2e_ms.as_ref()?.p50);
        let (tok_s, token_ms) = (level.tok_s?.mean, level.tpot_ms.as_ref()?.p50);
        let tokens = tok_s / level.in_flight? * whole_ms / 1000.0;
        let rest = 1.0 - first_ms / whole_ms;
        let whole = first_ms >= MIN_TTFT_MS && rest <= MAX_REMAINING_TIME.min(1.0 / tokens);
        let burst = 1000.0 / token_ms.max(f64::MIN_POSITIVE) > tok_s * MIN_BURST;
        (whole && burst).then_some(Warning::Unstreamed {
            parallel: level.parallel,
            first_ms,
            whole_ms,
        })
    })
}

/// Response timing at a level.
struct ResponseTiming {
    /// Mean number of requests decoding at once.
    at_once: f64,
    /// Median TPOT.
    token_ms: f64,
    /// Median TTFT.
    first_ms: f64,
}

impl ResponseTiming {
    fn of(level: &LevelResult) -> Option<Self> {
        let token_ms = level.tpot_ms.as_ref()?.p50;
        let at_once = level.tok_s?.mean * token_ms / 1000.0;
        Some(Self { at_once, token_ms, first_ms: level.ttft_ms.as_ref()?.p50 })
    }
}

/// First pair of adjacent levels between which throughput grew faster than the number of requests,
/// by more than the intervals: this is impossible, so the lower level was measured too low.
fn superlinear(levels: &[&LevelResult]) -> Option<Warning> {
    levels.windows(2).find_map(|pair| {
        let (low, high) = (pair[0], pair[1]);
        let (from, to) = (low.tok_s?, high.tok_s?);
        let requests = f64::from(high.parallel) / f64::from(low.parallel);
        let least = bound(to, |interval| interval.ci95_low) / bound(from, |i| i.ci95_high);
        (least > requests * (1.0 + NOISE_MARGIN)).then(|| Warning::Superlinear {
            from: low.parallel,
            to: high.parallel,
            gain: to.mean / from.mean,
        })
    })
}

/// Bound of an interval, or the mean where it has none.
fn bound(interval: Interval, of: impl Fn(Interval) -> Option<f64>) -> f64 {
    of(interval).unwrap_or(interval.mean)
}

#[cfg(test)]
mod tests {
    use harmonic_types::Percentiles;

    use super::*;

    /// Level of three windows, with an interval of ±2%.
    fn level(parallel: u32, tok_s: f64, tpot_ms: f64, ttft_ms: f64) -> LevelResult {
        let all = |ms: f64| Some(Percentiles { mean: ms, sd: 0.0, p50: ms, p90: ms, p99: ms });
        LevelResult {
            parallel,
            in_flight: Some(parallel.into()),
            trials: 3,
            requests: 30,
            failures: 0,
            tok_s: Some(Interval {
                mean: tok_s,
                ci95_low: Some(tok_s * 0.98),
                ci95_high: Some(tok_s * 1.02),
            }),
            ttft_ms: all(ttft_ms),
            itl_ms: all(tpot_ms),
            tpot_ms: all(tpot_ms),
            ..LevelResult::default()
        }
    }

    fn codes(levels: &[LevelResult]) -> Vec<&'static str> {
        diagnose(levels).iter().map(Warning::code).collect()
    }

    #[test]
    fn one_slot_is_found_out_whatever_the_order_of_levels() {
        // 100 tokens at 10 ms after 50 ms: 95 tok/s at any level.
        let levels = [1, 4, 8].map(|n| {
            let waits = f64::from(n - 1) * 1050.0;
            level(n, 95.0, 10.0, 50.0 + waits)
        });
        assert_eq!(codes(&levels), ["serialises"]);
        let [one, four, eight] = levels;
        assert_eq!(codes(&[eight, one.clone(), four]), ["serialises"]);
        assert_eq!(codes(&[one]), Vec::<&str>::new());
    }

    /// Level of responses of 100 tokens, the first of which arrives after `ttft_ms`.
    fn answers(parallel: u32, e2e_ms: f64, ttft_ms: f64) -> LevelResult {
        let tok_s = f64::from(parallel) * 100.0 / e2e_ms * 1000.0;
        let all =
            Some(Percentiles { mean: e2e_ms, sd: 0.0, p50: e2e_ms, p90: e2e_ms, p99: e2e_ms });
        LevelResult { e2e_ms: all, ..level(parallel, tok_s, (e2e_ms - ttft_ms) / 99.0, ttft_ms) }
    }

    #[test]
    fn answers_that_come_whole_are_told_of_the_lowest_level() {
        let levels = [answers(1, 1050.0, 1049.0), answers(4, 1500.0, 1499.5)];
        assert_eq!(codes(&levels), ["unstreamed"]);
        assert!(matches!(diagnose(&levels)[0], Warning::Unstreamed { parallel: 1, .. }));
        let at_once = LevelResult { tpot_ms: levels[0].ttft_ms, ..answers(1, 1050.0, 1050.0) };
        assert_eq!(codes(&[at_once]), Vec::<&str>::new(), "its tokens are slow");
        assert_eq!(codes(&[answers(1, 1050.0, 1050.0)]), ["unstreamed"]);
    }

    #[test]
    fn answers_that_stream_after_a_wait_are_not_whole() {
        // A prompt that takes eight seconds, then 100 tokens a second.
        assert_eq!(codes(&[answers(1, 9_000.0, 8_000.0)]), Vec::<&str>::new());
        // One slot and 200 requests: each waits for 199 others.
        let queue = LevelResult {
            tpot_ms: answers(1, 1_000.0, 10.0).tpot_ms,
            ..answers(200, 200_000.0, 199_000.0)
        };
        assert_eq!(codes(&[queue]), Vec::<&str>::new());
        // Very short responses.
        assert_eq!(codes(&[answers(1, 3.0, 2.99)]), Vec::<&str>::new());
    }

    #[test]
    fn a_busy_server_is_not_one_that_serialises() {
        // All slots decode, each slower in proportion to their number.
        let saturated = [
            level(1, 95.0, 10.0, 50.0),
            level(8, 110.0, 70.0, 400.0),
            level(16, 110.0, 140.0, 900.0),
        ];
        assert_eq!(codes(&saturated), Vec::<&str>::new());
        // Four slots and eight requests: half of them wait, but four decode at once.
        let four = [level(1, 95.0, 10.0, 50.0), level(8, 360.0, 11.0, 1100.0)];
        assert_eq!(codes(&four), Vec::<&str>::new());
        // Two at once, with long prompts and short responses.
        let prompts = [level(1, 20.0, 10.0, 4000.0), level(2, 21.0, 10.0, 4100.0)];
        assert_eq!(codes(&prompts), Vec::<&str>::new());
    }

    #[test]
    fn more_than_linear_is_an_artefact_beyond_the_intervals() {
        let cold = [level(1, 40.0, 10.0, 50.0), level(2, 95.0, 10.0, 50.0)];
        assert_eq!(codes(&cold), ["superlinear"]);
        let linear = [level(1, 46.0, 10.0, 50.0), level(2, 95.0, 10.0, 50.0)];
        assert_eq!(codes(&linear), Vec::<&str>::new());
    }
}

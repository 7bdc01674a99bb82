//! What the levels of a run, held side by side, give away about the server.
//!
//! Owns: the signs of a server that answers one request after the other, of throughput that grew
//! faster than the number of requests or beyond the roof, and of hardware that slowed down.
//!
//! Invariants: a server that is only busy, so that each of its answers takes longer, shows none of
//! the first two; a sign that many levels show is told once, of the one that shows it best.
//!
//! Does not do: say why a level has no figures (`record`).

use std::ops::Range;

use harmonic_types::{Interval, LevelResult};

use crate::levels::Step;
use crate::warning::Warning;

/// Answers in the making at once, where they are made one at a time: one, with the pauses between
/// answers in the mean, and the noise of two figures. Below, the time goes elsewhere (into prompts,
/// say), and nothing can be said.
const ONE_AT_A_TIME: Range<f64> = 0.5..1.5;

/// An answer is made as fast as before if its tokens come within this share of their old distance.
const SAME_PACE: f64 = 0.25;

/// The first token is later than before beyond doubt if it takes so many times as long.
const LATER: f64 = 2.0;

/// Throughput may grow by this share more than the number of requests did: the noise of a good
/// series.
const MARGIN: f64 = 0.05;

/// An answer that takes less time than this to its first token may come whole for the network's
/// sake.
const TELLS_MS: f64 = 100.0;

/// At most this share of an answer's time is left after the first output of one that comes whole.
const WHOLE: f64 = 0.02;

/// Its tokens come so many times as fast as those of all requests together.
const BURST: f64 = 10.0;

/// All signs in `levels`, in any order.
pub(crate) fn diagnose(levels: &[LevelResult]) -> Vec<Warning> {
    let mut levels: Vec<&LevelResult> = levels.iter().filter(|level| level.trials > 0).collect();
    levels.sort_by_key(|level| level.parallel);
    let signs = [
        serialises(&levels),
        unstreamed(&levels),
        superlinear(&levels),
        above_roof(&levels),
        throttled(&levels),
    ];
    signs.into_iter().flatten().collect()
}

/// The level furthest above the roof, beyond its interval and the margin.
fn above_roof(levels: &[&LevelResult]) -> Option<Warning> {
    let over = |level: &&LevelResult| {
        let (least, roof) = (bound(level.tok_s?, |rate| rate.ci95_low), level.roof_tok_s?.0);
        (roof > 0.0 && least > roof * (1.0 + MARGIN)).then_some((level.parallel, least, roof))
    };
    let furthest = levels
        .iter()
        .filter_map(over)
        .max_by(|(_, a, roof_a), (_, b, roof_b)| (a / roof_a).total_cmp(&(b / roof_b)));
    furthest.map(|(parallel, tok_s, roof)| Warning::AboveRoof {
        step: Step::Parallel(parallel),
        tok_s,
        roof,
    })
}

/// The highest level at which the hardware slowed itself down.
fn throttled(levels: &[&LevelResult]) -> Option<Warning> {
    levels.iter().rev().find_map(|level| {
        let sensors = level.sensors?;
        (sensors.throttled == Some(true)).then_some(Warning::Throttled {
            step: Step::Parallel(level.parallel),
            temperature_c: sensors.temperature_c,
        })
    })
}

/// The highest level at which the server answered one request after the other: as many answers in
/// the making at once as tokens come while one token is made, which is one; each as fast as when
/// nobody else asked; and everybody waiting for the first token instead.
///
/// The paper's §3.3 found this with Ollama's `NUM_PARALLEL` at 1.
fn serialises(levels: &[&LevelResult]) -> Option<Warning> {
    let lowest = levels.first()?;
    let alone = Pace::of(lowest)?;
    levels.iter().skip(1).rev().find_map(|level| {
        let pace = Pace::of(level)?;
        let same = (pace.token_ms / alone.token_ms - 1.0).abs() <= SAME_PACE;
        let later = pace.first_ms > alone.first_ms * LATER;
        (ONE_AT_A_TIME.contains(&pace.at_once) && same && later).then_some(Warning::Serialises {
            parallel: level.parallel,
            at_once: pace.at_once,
            first_ms: pace.first_ms,
            alone: lowest.parallel,
            alone_first_ms: alone.first_ms,
        })
    })
}

/// The lowest level at which answers come whole, at their end: in the median the first output after
/// so much of the time that the other tokens share less than one of them takes on average, and
/// these then faster than all requests together get tokens. An answer that is over at once, or waits
/// long in a queue or for its prompt, is none of these.
fn unstreamed(levels: &[&LevelResult]) -> Option<Warning> {
    levels.iter().find_map(|level| {
        let (first_ms, whole_ms) = (level.ttft_ms.as_ref()?.p50, level.e2e_ms.as_ref()?.p50);
        let (tok_s, token_ms) = (level.tok_s?.mean, level.tpot_ms.as_ref()?.p50);
        let tokens = tok_s / level.in_flight? * whole_ms / 1000.0;
        let rest = 1.0 - first_ms / whole_ms;
        let whole = first_ms >= TELLS_MS && rest <= WHOLE.min(1.0 / tokens);
        let burst = 1000.0 / token_ms.max(f64::MIN_POSITIVE) > tok_s * BURST;
        (whole && burst).then_some(Warning::Unstreamed {
            parallel: level.parallel,
            first_ms,
            whole_ms,
        })
    })
}

/// How answers were made at a level.
struct Pace {
    /// Answers that were in the making at once, on average.
    at_once: f64,
    /// Between the tokens of one.
    token_ms: f64,
    /// Until the first.
    first_ms: f64,
}

impl Pace {
    fn of(level: &LevelResult) -> Option<Self> {
        let token_ms = level.tpot_ms.as_ref()?.p50;
        let at_once = level.tok_s?.mean * token_ms / 1000.0;
        Some(Self { at_once, token_ms, first_ms: level.ttft_ms.as_ref()?.p50 })
    }
}

/// The first step from a level to the next on which throughput grew faster than the number of
/// requests, beyond the intervals: no server can do that, so the lower level was measured too low.
fn superlinear(levels: &[&LevelResult]) -> Option<Warning> {
    levels.windows(2).find_map(|pair| {
        let (low, high) = (pair[0], pair[1]);
        let (from, to) = (low.tok_s?, high.tok_s?);
        let requests = f64::from(high.parallel) / f64::from(low.parallel);
        let least = bound(to, |interval| interval.ci95_low) / bound(from, |i| i.ci95_high);
        (least > requests * (1.0 + MARGIN)).then(|| Warning::Superlinear {
            from: low.parallel,
            to: high.parallel,
            gain: to.mean / from.mean,
        })
    })
}

/// A bound of an interval; the mean where it has none.
fn bound(interval: Interval, of: impl Fn(Interval) -> Option<f64>) -> f64 {
    of(interval).unwrap_or(interval.mean)
}

#[cfg(test)]
mod tests {
    use harmonic_types::{Percentiles, SensorFigures, TokensPerSecond};

    use super::*;

    /// A level with three windows that agree to 2%.
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
        // 100 tokens at 10 ms after 50 ms: 95 tok/s, however many ask.
        let levels = [1, 4, 8].map(|n| {
            let waits = f64::from(n - 1) * 1050.0;
            level(n, 95.0, 10.0, 50.0 + waits)
        });
        assert_eq!(codes(&levels), ["serialises"]);
        let [one, four, eight] = levels;
        assert_eq!(codes(&[eight, one.clone(), four]), ["serialises"]);
        assert_eq!(codes(&[one]), Vec::<&str>::new());
    }

    /// 100 tokens at 10 ms, of which the first comes after `ttft_ms`, at 1x.
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
        // One slot, and 200 who ask: each waits for 199.
        let queue = LevelResult {
            tpot_ms: answers(1, 1_000.0, 10.0).tpot_ms,
            ..answers(200, 200_000.0, 199_000.0)
        };
        assert_eq!(codes(&[queue]), Vec::<&str>::new());
        // Over at once.
        assert_eq!(codes(&[answers(1, 3.0, 2.99)]), Vec::<&str>::new());
    }

    #[test]
    fn a_busy_server_is_not_one_that_serialises() {
        // All eight slots decode, each as much slower as there are more.
        let saturated = [
            level(1, 95.0, 10.0, 50.0),
            level(8, 110.0, 70.0, 400.0),
            level(16, 110.0, 140.0, 900.0),
        ];
        assert_eq!(codes(&saturated), Vec::<&str>::new());
        // Four slots, and eight who ask: half of them wait, but four are served at once.
        let four = [level(1, 95.0, 10.0, 50.0), level(8, 360.0, 11.0, 1100.0)];
        assert_eq!(codes(&four), Vec::<&str>::new());
        // Two at once, prompts long and answers short.
        let prompts = [level(1, 20.0, 10.0, 4000.0), level(2, 21.0, 10.0, 4100.0)];
        assert_eq!(codes(&prompts), Vec::<&str>::new());
    }

    #[test]
    fn more_than_the_roof_allows_is_told_of_the_worst_level() {
        let roof = |level: LevelResult, roof| LevelResult {
            roof_tok_s: Some(TokensPerSecond(roof)),
            ..level
        };
        let levels = [
            roof(level(1, 95.0, 10.0, 50.0), 94.0),
            roof(level(2, 180.0, 10.0, 50.0), 120.0),
            roof(level(4, 340.0, 10.0, 50.0), 300.0),
        ];
        assert_eq!(codes(&levels), ["above-roof"]);
        assert!(matches!(diagnose(&levels)[0], Warning::AboveRoof { step: Step::Parallel(2), .. }));
        assert_eq!(codes(&levels[..1]), Vec::<&str>::new(), "within its interval");
    }

    #[test]
    fn throttling_is_told_of_the_highest_level() {
        let hot = SensorFigures { throttled: Some(true), ..SensorFigures::default() };
        let throttled = |parallel| LevelResult {
            sensors: Some(hot),
            ..level(parallel, 90.0 * f64::from(parallel), 10.0, 50.0)
        };
        let levels = [throttled(1), throttled(2), level(4, 360.0, 10.0, 50.0)];
        assert_eq!(codes(&levels), ["throttled"]);
        let expected = Warning::Throttled { step: Step::Parallel(2), temperature_c: None };
        assert_eq!(diagnose(&levels), [expected]);
    }

    #[test]
    fn more_than_linear_is_an_artefact_beyond_the_intervals() {
        let cold = [level(1, 40.0, 10.0, 50.0), level(2, 95.0, 10.0, 50.0)];
        assert_eq!(codes(&cold), ["superlinear"]);
        let linear = [level(1, 46.0, 10.0, 50.0), level(2, 95.0, 10.0, 50.0)];
        assert_eq!(codes(&linear), Vec::<&str>::new());
    }
}

//! Servers of known behaviour, and the verdict and warnings of a run against each.

use std::time::Duration;

use harmonic_bench::BenchConfig;
use harmonic_types::{BenchRun, Slo, Trend};

use crate::server::{Server, Shape};
use crate::{ASCENDING, TOKENS, codes, config, levels, measured, near, of};

/// Expected verdict and warnings.
struct Expected {
    /// Levels of which any may have the highest mean: all of a plateau.
    peak: &'static [u32],
    sweet_spot: u32,
    cliff: Option<u32>,
    trend: Trend,
    warnings: &'static [&'static str],
}

async fn finds(shape: Shape, asked: &[u32], expected: Expected) -> BenchRun {
    let run = measured(shape, asked).await;
    let verdict = &run.series[0].verdict;
    let spot = verdict.sweet_spot.as_ref().unwrap();
    let rates: Vec<_> = levels(&run).iter().map(|level| level.tok_s).collect();
    assert!(expected.peak.contains(&verdict.peak.unwrap().parallel), "{shape:?}: {rates:?}");
    assert_eq!(spot.parallel, expected.sweet_spot, "{shape:?}: {rates:?}");
    let cliff = verdict.cliff.map(|cliff| cliff.parallel);
    assert_eq!(cliff, expected.cliff, "{shape:?}: {rates:?}");
    assert_eq!(verdict.trend, Some(expected.trend), "{shape:?}: {rates:?}");
    assert_eq!(spot.reason.contains("no peak in range"), expected.trend == Trend::Rising);
    assert_eq!(codes(&run), expected.warnings, "{shape:?}: {:?}", run.warnings);
    run
}

const LEVELS: [u32; 6] = [1, 2, 4, 8, 16, 32];

const ITL: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn linear_has_no_peak_in_range() {
    let expected =
        Expected { peak: &[32], sweet_spot: 32, cliff: None, trend: Trend::Rising, warnings: &[] };
    let run = finds(Shape::default(), &LEVELS, expected).await;
    // Sequences are free: 50 tokens take 1.18 s for any number of them.
    let line = run.series[0].verdict.line.unwrap();
    near(line.fixed_ms, 1_180.0 / f64::from(TOKENS));
    assert!(line.per_sequence_ms < 0.1, "{line:?}");
    assert_eq!(run.series[0].verdict.law.unwrap().optimum, None);
}

#[tokio::test(start_paused = true)]
async fn one_slot_serialises() {
    let shape = Shape { slots: 1, ..Shape::default() };
    let expected = Expected {
        peak: &[1, 4, 8],
        sweet_spot: 1,
        cliff: None,
        trend: Trend::Plateau,
        warnings: &["serialises"],
    };
    let run = finds(shape, &[1, 4, 8], expected).await;
    insta::assert_snapshot!(run.warnings[0].message, @"the server processes one request at a time: at 8x 0.8 requests decode at once, each as fast as at 1x, and the first token takes 8462 ms instead of 200");
    let hint = run.warnings[0].hint.as_str();
    assert!(hint.contains("OLLAMA_NUM_PARALLEL") && hint.contains("-np"), "{hint}");
}

#[tokio::test(start_paused = true)]
async fn a_saturated_server_does_not_serialise() {
    // Twice the streams take twice the step, so nothing is gained, and no request waits for a slot.
    // Only prefills run in parallel.
    let shape = Shape { itl: ITL, itl_slope: ITL, ..Shape::default() };
    let expected =
        Expected { peak: &[16], sweet_spot: 16, cliff: None, trend: Trend::Rising, warnings: &[] };
    let run = finds(shape, &[1, 4, 16], expected).await;
    near(levels(&run)[2].tpot_ms.unwrap().p50, 320.0);
}

#[tokio::test(start_paused = true)]
async fn a_few_slots_are_not_one() {
    let shape = Shape { slots: 4, ..Shape::default() };
    let expected = Expected {
        peak: &[4, 16],
        sweet_spot: 4,
        cliff: None,
        trend: Trend::Plateau,
        warnings: &[],
    };
    finds(shape, &[1, 4, 16], expected).await;
}

#[tokio::test(start_paused = true)]
async fn saturating_has_its_sweet_spot_where_the_plateau_begins() {
    let shape = Shape { slots: 8, ..Shape::default() };
    let expected = Expected {
        peak: &[8, 16, 32],
        sweet_spot: 8,
        cliff: None,
        trend: Trend::Plateau,
        warnings: &[],
    };
    finds(shape, &LEVELS, expected).await;
}

#[tokio::test(start_paused = true)]
async fn a_cliff_is_where_throughput_falls_beyond_doubt() {
    let shape = Shape { crowd: 16, ..Shape::default() };
    let expected = Expected {
        peak: &[16],
        sweet_spot: 16,
        cliff: Some(32),
        trend: Trend::PastPeak,
        warnings: &[],
    };
    finds(shape, &LEVELS, expected).await;
}

#[tokio::test(start_paused = true)]
async fn noise_moves_no_figure_by_more_than_it_should() {
    let run = measured(Shape { noise_ms: 10, ..Shape::default() }, &[1, 8]).await;
    assert_eq!(codes(&run), [""; 0]);
    let cycle = 0.2 + 49.0 * 0.02;
    for level in levels(&run) {
        near(level.tok_s.unwrap().mean, f64::from(level.parallel * TOKENS) / cycle);
        near(level.tpot_ms.unwrap().p50, 20.0);
        near(level.ttft_ms.unwrap().p50, 200.0);
        // Even between 10 and 30 ms.
        near(level.itl_ms.unwrap().p50, 20.0);
        near(level.itl_ms.unwrap().p90, 28.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_makes_the_next_level_look_too_good() {
    let config = BenchConfig { seed: ASCENDING, ..config(&[1, 8, 32]) };
    let run = of(&Server::new(Shape { cold: 24, ..Shape::default() }), &config).await;
    assert_eq!(codes(&run), ["superlinear"]);
}

#[tokio::test(start_paused = true)]
async fn flat_is_best_at_its_lowest_level() {
    let shape = Shape { slots: 2, ..Shape::default() };
    let expected = Expected {
        peak: &[2, 4, 8],
        sweet_spot: 2,
        cliff: None,
        trend: Trend::Plateau,
        warnings: &[],
    };
    finds(shape, &[2, 4, 8], expected).await;
}

#[tokio::test(start_paused = true)]
async fn a_bound_on_the_time_between_tokens_stops_short_of_the_peak() {
    let shape = Shape { itl_slope: Duration::from_millis(5), ..Shape::default() };
    let slo = Some(Slo { ttft_ms: None, itl_ms: Some(60.0) });
    let config = BenchConfig { slo, ..config(&LEVELS) };
    let run = of(&Server::new(shape), &config).await;
    // 20 ms and 5 for each further stream: 55 ms with eight, 95 with sixteen.
    let verdict = &run.series[0].verdict;
    assert_eq!(verdict.sweet_spot.as_ref().unwrap().parallel, 8, "{verdict:?}");
    assert_eq!(verdict.peak.unwrap().parallel, 32);
    let goodput: Vec<bool> =
        levels(&run).iter().map(|level| level.goodput.unwrap() > 0.0).collect();
    assert_eq!(goodput, [true, true, true, true, false, false]);
}

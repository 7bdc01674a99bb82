//! Servers of known shape: what a run finds out about each, and what it does not claim.

use std::time::Duration;

use crate::server::Shape;
use crate::{TOKENS, codes, levels, measured, near};

/// What a run should find.
struct Expected {
    peak: u32,
    sweet_spot: u32,
    cliff: Option<u32>,
    warnings: &'static [&'static str],
}

async fn finds(shape: Shape, asked: &[u32], expected: Expected) {
    let run = measured(shape, asked).await;
    let verdict = &run.series[0].verdict;
    let found = (verdict.peak.unwrap().parallel, verdict.sweet_spot.as_ref().unwrap().parallel);
    let rates: Vec<_> = levels(&run).iter().map(|level| level.tok_s).collect();
    assert_eq!(found, (expected.peak, expected.sweet_spot), "{shape:?}: {rates:?}");
    let cliff = verdict.cliff.map(|cliff| cliff.parallel);
    assert_eq!(cliff, expected.cliff, "{shape:?}: {rates:?}");
    assert_eq!(codes(&run), expected.warnings, "{shape:?}: {:?}", run.warnings);
    let rises = verdict.sweet_spot.as_ref().unwrap().reason.contains("no peak in range");
    assert_eq!(rises, asked.last() == Some(&expected.peak), "{:?}", verdict.sweet_spot);
}

const LEVELS: [u32; 6] = [1, 2, 4, 8, 16, 32];

#[tokio::test(start_paused = true)]
async fn linear_has_no_peak_in_range() {
    let expected = Expected { peak: 32, sweet_spot: 32, cliff: None, warnings: &[] };
    finds(Shape::default(), &LEVELS, expected).await;
}

#[tokio::test(start_paused = true)]
async fn one_slot_serialises() {
    let shape = Shape { slots: 1, ..Shape::default() };
    let run = measured(shape, &[1, 4, 8]).await;
    assert_eq!(codes(&run), ["serialises"]);
    insta::assert_snapshot!(run.warnings[0].message, @"the server answers one request after the other: at 8x 0.8 answers are in the making at once, each as fast as at 1x, and the first token takes 8460 ms instead of 200");
    let hint = run.warnings[0].hint.as_str();
    assert!(hint.contains("OLLAMA_NUM_PARALLEL") && hint.contains("-np"), "{hint}");
    assert_eq!(run.series[0].verdict.sweet_spot.as_ref().unwrap().parallel, 1);
    assert_eq!(run.series[0].verdict.cliff, None);
}

#[tokio::test(start_paused = true)]
async fn a_saturated_server_does_not_serialise() {
    // Twice the streams, twice the step: nothing is won, and nobody waits for a slot.
    let (itl, itl_slope) = (Duration::from_millis(20), Duration::from_millis(20));
    let run = measured(Shape { itl, itl_slope, ..Shape::default() }, &[1, 4, 16]).await;
    assert_eq!(codes(&run), [""; 0]);
    near(levels(&run)[2].tpot_ms.unwrap().p50, 320.0);
}

#[tokio::test(start_paused = true)]
async fn a_few_slots_are_not_one() {
    let run = measured(Shape { slots: 4, ..Shape::default() }, &[1, 4, 16]).await;
    assert_eq!(codes(&run), [""; 0]);
    assert_eq!(run.series[0].verdict.sweet_spot.as_ref().unwrap().parallel, 4);
}

#[tokio::test(start_paused = true)]
async fn saturating_has_its_sweet_spot_where_the_plateau_begins() {
    let run = measured(Shape { slots: 8, ..Shape::default() }, &LEVELS).await;
    assert_eq!(codes(&run), [""; 0]);
    let verdict = &run.series[0].verdict;
    assert_eq!((verdict.sweet_spot.as_ref().unwrap().parallel, verdict.cliff), (8, None));
}

#[tokio::test(start_paused = true)]
async fn a_cliff_is_where_throughput_falls_beyond_doubt() {
    let shape = Shape { crowd: 16, ..Shape::default() };
    let expected = Expected { peak: 16, sweet_spot: 16, cliff: Some(32), warnings: &[] };
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
    let run = measured(Shape { cold: 24, ..Shape::default() }, &[1, 8]).await;
    assert_eq!(codes(&run), ["superlinear"]);
}

#[tokio::test(start_paused = true)]
async fn flat_is_best_at_its_lowest_level() {
    let run = measured(Shape { slots: 2, ..Shape::default() }, &[2, 4, 8]).await;
    let verdict = &run.series[0].verdict;
    assert_eq!((verdict.sweet_spot.as_ref().unwrap().parallel, verdict.cliff), (2, None));
    assert_eq!(codes(&run), [""; 0]);
}

use proptest::prelude::*;

use super::*;

fn exact(parallel: u32, mean: f64) -> LevelThroughput {
    LevelThroughput { parallel, tok_s: Interval { mean, ci95_low: None, ci95_high: None } }
}

fn within(parallel: u32, mean: f64, half_width: f64) -> LevelThroughput {
    let tok_s =
        Interval { mean, ci95_low: Some(mean - half_width), ci95_high: Some(mean + half_width) };
    LevelThroughput { parallel, tok_s }
}

#[test]
fn a_series_with_intervals_has_peak_plateau_and_cliff() {
    let found = verdict(&[
        within(1, 30.0, 1.0),
        within(8, 200.0, 5.0),
        within(12, 290.0, 20.0),
        within(16, 300.0, 15.0),
        within(24, 280.0, 15.0),
        within(32, 220.0, 10.0),
    ]);
    assert_eq!(found.peak, Some(Peak { parallel: 16, tok_s: TokensPerSecond(300.0) }));
    let spot = found.sweet_spot.unwrap();
    assert_eq!(spot.parallel, 12);
    assert_eq!(
        spot.reason,
        "290.0 tok/s, not distinguishable from the peak of 300.0 tok/s at 16x (95% intervals \
         overlap)"
    );
    assert_eq!(found.cliff, Some(Cliff { parallel: 32 }));
}

/// Two windows each: intervals that reach anything are no reason to stop at a tenth of the peak.
#[test]
fn a_wide_interval_alone_is_no_plateau() {
    let found =
        verdict(&[within(2, 28.0, 400.0), within(8, 175.0, 300.0), within(16, 189.0, 999.0)]);
    assert_eq!(found.sweet_spot.unwrap().parallel, 8);
}

/// The paper's qwen3:4b on the DGX Spark (§4.1): still rising at 32.
#[test]
fn a_rising_series_says_that_there_is_no_peak_in_range() {
    let found = verdict(&[exact(1, 21.7), exact(16, 222.9), exact(24, 266.5), exact(32, 308.2)]);
    assert_eq!(found.peak.unwrap().parallel, 32);
    let spot = found.sweet_spot.unwrap();
    assert_eq!(spot.parallel, 32);
    assert!(spot.reason.contains("no peak in range"), "{}", spot.reason);
    assert_eq!(found.cliff, None);
}

/// The paper's X2 series (§4.1) has no intervals: a drop, but no cliff that it could confirm.
#[test]
fn without_intervals_there_is_no_cliff() {
    let found = verdict(&[exact(8, 69.3), exact(12, 222.6), exact(16, 163.4)]);
    assert_eq!(found.peak.unwrap().parallel, 12);
    assert_eq!(found.sweet_spot.unwrap().parallel, 12);
    assert_eq!(found.cliff, None);
}

#[test]
fn without_intervals_five_percent_count_as_plateau() {
    let found = verdict(&[exact(8, 96.0), exact(16, 100.0), exact(32, 99.0)]);
    let spot = found.sweet_spot.unwrap();
    assert_eq!(spot.parallel, 8);
    assert!(spot.reason.contains("within 5%"), "{}", spot.reason);
}

#[test]
fn of_equal_means_the_smallest_level_is_the_peak() {
    let found = verdict(&[exact(16, 100.0), exact(8, 100.0), exact(4, 50.0)]);
    assert_eq!(found.peak.unwrap().parallel, 8);
}

#[test]
fn nothing_usable_gives_nothing() {
    assert_eq!(verdict(&[]), Verdict::default());
    assert_eq!(verdict(&[exact(1, f64::NAN), exact(2, 0.0), exact(4, -3.0)]), Verdict::default());
    let alone = verdict(&[exact(4, 10.0)]).sweet_spot.unwrap();
    assert!(alone.reason.contains("only level measured"), "{}", alone.reason);
}

fn series() -> impl Strategy<Value = Vec<LevelThroughput>> {
    let level = (1u32..64, 1.0f64..1000.0, proptest::option::of(0.0f64..300.0));
    proptest::collection::vec(level, 1..10).prop_map(|levels| {
        let mut levels: Vec<_> = levels
            .into_iter()
            .map(|(parallel, mean, width)| match width {
                Some(width) => within(parallel, mean, width),
                None => exact(parallel, mean),
            })
            .collect();
        levels.sort_by_key(|level| level.parallel);
        levels.dedup_by_key(|level| level.parallel);
        levels
    })
}

proptest! {
    #[test]
    fn the_parts_agree_with_each_other(levels in series()) {
        let found = verdict(&levels);
        let peak = found.peak.unwrap();
        prop_assert!(levels.iter().all(|level| level.tok_s.mean <= peak.tok_s.0));
        let spot = found.sweet_spot.unwrap();
        prop_assert!(spot.parallel <= peak.parallel);
        prop_assert!(levels.iter().any(|level| level.parallel == spot.parallel));
        if let Some(cliff) = found.cliff {
            prop_assert!(cliff.parallel > peak.parallel);
            let at = |parallel| levels.iter().find(|level| level.parallel == parallel).unwrap();
            let (low, high) = (at(cliff.parallel).tok_s.ci95_high, at(peak.parallel).tok_s.ci95_low);
            prop_assert!(low.unwrap() < high.unwrap());
        }
    }

    #[test]
    fn the_order_of_the_levels_does_not_matter(levels in series(), seed in 0usize..10) {
        let mut turned = levels.clone();
        turned.rotate_left(seed % levels.len());
        prop_assert_eq!(verdict(&levels), verdict(&turned));
    }
}

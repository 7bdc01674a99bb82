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

/// Two windows each: intervals that overlap everything do not make a tenth of the peak a plateau.
#[test]
fn a_wide_interval_alone_is_no_plateau() {
    let found =
        verdict(&[within(2, 28.0, 400.0), within(8, 175.0, 300.0), within(16, 189.0, 999.0)]);
    assert_eq!(found.sweet_spot.unwrap().parallel, 8);
}

/// The paper's qwen3:4b on the DGX Spark (§4.1): highest at 32, where it stops, and without intervals.
#[test]
fn without_intervals_no_rise_is_claimed() {
    let found = verdict(&[exact(1, 21.7), exact(16, 222.9), exact(24, 266.5), exact(32, 308.2)]);
    assert_eq!(found.peak.unwrap().parallel, 32);
    let spot = found.sweet_spot.unwrap();
    assert_eq!(spot.parallel, 32);
    assert!(spot.reason.ends_with("there are no intervals to show a trend"), "{}", spot.reason);
    assert_eq!((found.trend, found.cliff), (None, None));
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
fn only_a_rise_beyond_doubt_is_one() {
    let found = verdict(&[within(16, 300.0, 5.0), within(32, 301.0, 5.0)]);
    assert_eq!(found.trend, Some(Trend::Plateau));
    let spot = found.sweet_spot.unwrap();
    assert_eq!(spot.parallel, 16);
    assert!(!spot.reason.contains("no peak in range"), "{}", spot.reason);
    let rising = verdict(&[within(16, 300.0, 5.0), within(32, 311.0, 5.0)]);
    assert_eq!(rising.trend, Some(Trend::Rising));
    let reason = rising.sweet_spot.unwrap().reason;
    assert!(reason.contains("no peak in range"), "{reason}");
    let falling = verdict(&[within(16, 300.0, 5.0), within(32, 280.0, 5.0)]);
    assert_eq!(falling.trend, Some(Trend::PastPeak));
    // One of the two without an interval shows nothing.
    assert_eq!(verdict(&[within(16, 300.0, 5.0), exact(32, 600.0)]).trend, None);
    assert_eq!(verdict(&[exact(16, 300.0), within(32, 600.0, 5.0)]).trend, None);
    assert_eq!(verdict(&[within(16, 300.0, 5.0)]).trend, None);
}

#[test]
fn a_bound_on_the_time_between_tokens_moves_the_sweet_spot() {
    let levels = [within(1, 100.0, 2.0), within(4, 300.0, 5.0), within(16, 500.0, 5.0)];
    let itl = |parallel| Some(f64::from(parallel) * 5.0);
    let found = verdict_within(&levels, 30.0, itl);
    assert_eq!(found.peak.unwrap().parallel, 16, "the bound is on the sweet spot alone");
    let spot = found.sweet_spot.unwrap();
    assert_eq!(spot.parallel, 4);
    assert_eq!(
        spot.reason,
        "highest throughput, 300.0 tok/s; more would exceed 30 ms between tokens"
    );
    assert_eq!(verdict_within(&levels, 1.0, itl).sweet_spot, None);
    assert_eq!(verdict_within(&levels, 80.0, itl), verdict(&levels));
}

#[test]
fn curves_are_laid_through_levels_that_suffice() {
    // The line of gemma-3-4b on a GB10: `docs/sources.md#steps-of-a-gb10`.
    let line = |n: u32| f64::from(n) / (0.0131 + 0.000_917 * f64::from(n));
    let levels: Vec<_> = [1, 2, 4, 8, 16].map(|n| within(n, line(n), 1.0)).into();
    let found = verdict(&levels);
    let fitted = found.line.unwrap();
    assert!((fitted.fixed_ms - 13.1).abs() < 1e-6, "{fitted:?}");
    assert!((fitted.limit_tok_s.unwrap().0 - 1090.5).abs() < 0.1, "{fitted:?}");
    assert!(fitted.worst_residual < 1e-9);
    assert_eq!(found.law, None, "five levels");
    let law = verdict(&[levels, vec![within(32, line(32), 1.0)]].concat()).law.unwrap();
    assert!(law.coherence < 1e-9 && law.optimum.is_none(), "{law:?}");
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

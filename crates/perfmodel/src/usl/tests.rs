use harmonic_types::Interval;
use proptest::prelude::*;

use super::*;
use crate::line::StepLine;

const LEVELS: [u32; 8] = [1, 2, 4, 8, 12, 16, 24, 32];

/// `of` at each level, with intervals of `share` of the mean on either side.
fn series(of: impl Fn(u32) -> f64, share: f64) -> Vec<LevelThroughput> {
    let level = |parallel| {
        let mean = of(parallel);
        let (low, high) = (mean * (1.0 - share), mean * (1.0 + share));
        let tok_s = Interval { mean, ci95_low: Some(low), ci95_high: Some(high) };
        LevelThroughput { parallel, tok_s }
    };
    LEVELS.into_iter().map(level).collect()
}

proptest! {
    #[test]
    fn a_law_is_found_again(
        single_tok_s in 1.0..500.0, contention in 0.001..0.5, coherence in 0.0001..0.01,
    ) {
        let law = ScalabilityLaw { single_tok_s, contention, coherence };
        let found = ScalabilityLaw::fit(&series(|n| law.tok_s(n), 0.0)).unwrap();
        prop_assert!((found.single_tok_s / single_tok_s - 1.0).abs() < 1e-3, "{found:?}");
        prop_assert!((found.contention / contention - 1.0).abs() < 1e-2, "{found:?}");
        prop_assert!((found.coherence / coherence - 1.0).abs() < 1e-2, "{found:?}");
    }

    #[test]
    fn a_line_is_found_again(fixed_s in 0.001..1.0, per_sequence_s in 0.0001..0.1) {
        let line = StepLine { fixed_s, per_sequence_s };
        let found = StepLine::fit(&series(|n| line.tok_s(n), 0.0)).unwrap();
        prop_assert!((found.fixed_s / fixed_s - 1.0).abs() < 1e-3, "{found:?}");
        prop_assert!((found.per_sequence_s / per_sequence_s - 1.0).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn nothing_is_negative(means in prop::collection::vec(0.1..1000.0, LEVELS.len())) {
        let of = |n| means[LEVELS.iter().position(|level| *level == n).unwrap()];
        let levels = series(of, 0.1);
        let line = StepLine::fit(&levels).unwrap();
        prop_assert!(line.fixed_s >= 0.0 && line.per_sequence_s >= 0.0);
        if let Some(law) = ScalabilityLaw::fit(&levels) {
            prop_assert!(law.contention >= 0.0 && law.coherence >= 0.0);
        }
    }
}

#[test]
fn the_interval_of_a_cliff_holds_the_true_optimum_and_is_the_seeds() {
    let law = ScalabilityLaw { single_tok_s: 30.0, contention: 0.05, coherence: 0.0038 };
    let levels = series(|n| law.tok_s(n), 0.03);
    let found = optimum(&levels, 7).unwrap();
    let expected = (0.95_f64 / 0.0038).sqrt();
    assert!((found.parallel.unwrap() / expected - 1.0).abs() < 0.01, "{found:?}");
    let ci95 = found.ci95.unwrap();
    assert!(ci95.low.unwrap() < expected && expected < ci95.high.unwrap(), "{ci95:?}");
    assert_eq!(optimum(&levels, 7), Some(found));
    assert_ne!(optimum(&levels, 8), Some(found));
}

#[test]
fn a_saturating_server_has_no_optimum_and_no_upper_bound() {
    let line = StepLine { fixed_s: 0.03, per_sequence_s: 0.002 };
    let levels = series(|n| line.tok_s(n), 0.03);
    let found = optimum(&levels, 7).unwrap();
    assert_eq!(found.parallel, None);
    assert_eq!(found.ci95.unwrap().high, None);
    assert!((StepLine::fit(&levels).unwrap().limit_tok_s().unwrap() - 500.0).abs() < 1.0);
}

#[test]
fn without_intervals_the_optimum_has_none_and_two_levels_have_no_law() {
    let mut levels = series(|n| 10.0 * f64::from(n), 0.03);
    levels[3].tok_s.ci95_low = None;
    assert_eq!(optimum(&levels, 7), Some(Optimum { parallel: None, ci95: None }));
    assert_eq!(optimum(&levels[..2], 7), None);
    assert_eq!(StepLine::fit(&levels[..1]), None);
}

//! Mean with a 95% confidence interval.
//!
//! Owns: Student's t over the trials of a level.
//!
//! Invariants: no interval from fewer than two trials; every result is finite.
//!
//! Does not do: judge an interval, or whether two levels differ (`perfmodel`).

use harmonic_types::Interval;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Mean of the trials with mean ± t(0.975, n−1) · s / √n, s the sample standard deviation (n−1).
/// `None` without trials, or where one is not finite. The lower bound is not clamped at zero: a
/// negative bound shows that the trials are inconclusive.
pub fn interval(trials: &[f64]) -> Option<Interval> {
    if trials.is_empty() || trials.iter().any(|trial| !trial.is_finite()) {
        return None;
    }
    let n = trials.len() as f64;
    let mean = trials.iter().sum::<f64>() / n;
    let half = half_width(trials, mean, n);
    Some(Interval {
        mean,
        ci95_low: half.map(|half| mean - half),
        ci95_high: half.map(|half| mean + half),
    })
}

fn half_width(trials: &[f64], mean: f64, n: f64) -> Option<f64> {
    let freedom = n - 1.0;
    // Fails for fewer than two trials, where freedom is 0.
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.975);
    let variance = trials.iter().map(|trial| (trial - mean).powi(2)).sum::<f64>() / freedom;
    let half = t * (variance / n).sqrt();
    half.is_finite().then_some(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_agree_with_the_printed_table_of_t() {
        // t(0.975) for 1, 2 and 9 degrees of freedom: 12.706, 4.303, 2.262.
        for (n, t) in [(2_u32, 12.706), (3, 4.303), (10, 2.262)] {
            let trials: Vec<f64> = (0..n).map(|i| 100.0 + f64::from(i)).collect();
            let found = interval(&trials).unwrap();
            let mean = 100.0 + f64::from(n - 1) / 2.0;
            // Variance of 0..n with n−1 in the denominator is n(n+1)/12.
            let s = (f64::from(n) * f64::from(n + 1) / 12.0).sqrt();
            let half = t * s / f64::from(n).sqrt();
            assert!((found.mean - mean).abs() < 1e-9);
            assert!((found.ci95_high.unwrap() - mean - half).abs() < 2e-3 * half, "n={n}");
            assert!((mean - found.ci95_low.unwrap() - half).abs() < 2e-3 * half, "n={n}");
        }
    }

    #[test]
    fn one_trial_has_a_mean_and_no_bounds() {
        assert_eq!(
            interval(&[27.7]),
            Some(Interval { mean: 27.7, ci95_low: None, ci95_high: None })
        );
    }

    #[test]
    fn nothing_that_is_not_finite_leaves() {
        assert_eq!(interval(&[]), None);
        assert_eq!(interval(&[1.0, f64::NAN]), None);
        assert_eq!(interval(&[f64::INFINITY]), None);
    }
}

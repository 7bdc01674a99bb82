//! Interval of a paired difference, by the bootstrap.
//!
//! Items are drawn with replacement, both sides of an item together. An item moves the sum of
//! differences by −1, 0 or 1, so the distribution over all resamples is computed whole instead of
//! drawn from: the ideal bootstrap, which needs no seed. The interval is the expanded percentile
//! interval: percentiles of the normal distribution at the t quantile, widened by √(n/(n−1)), since
//! percentile intervals of few items are too narrow (docs/sources.md#bootstrap).

use harmonic_types::Interval;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Part of the distribution outside of the interval, on each side.
const TAIL: f64 = 0.025;

/// Difference of the shares of `items` that two sides get right, with its 95% interval: `first` items
/// are right on the first side alone, `second` on the second alone. `None` without items; no bounds
/// from one.
///
/// Where all items agree, resamples differ in nothing and say nothing: the bounds are then those
/// below which the probability of no item that differs is one fortieth.
pub fn paired_difference(first: u32, second: u32, items: u32) -> Option<Interval> {
    let items = items.max(first.saturating_add(second));
    let n = f64::from(items);
    let mean = (f64::from(first) - f64::from(second)) / n;
    let bounds = match items {
        0 => return None,
        1 => None,
        _ if first == items || second == items || first == 0 && second == 0 => {
            let unseen = 1.0 - TAIL.powf(1.0 / n);
            // An item that differs moves the mean by as much as it can.
            Some((mean - unseen * (mean + 1.0), mean + unseen * (1.0 - mean)))
        }
        _ => {
            let sums = Sums::of(f64::from(first) / n, f64::from(second) / n, items);
            let tail = expanded_tail(n);
            Some((sums.quantile(tail) / n, sums.quantile(1.0 - tail) / n))
        }
    };
    let (ci95_low, ci95_high) = bounds.unzip();
    Some(Interval { mean, ci95_low, ci95_high })
}

/// The tail of the percentile interval of `n` items, smaller than [`TAIL`].
fn expanded_tail(n: f64) -> f64 {
    let student = StudentsT::new(0.0, 1.0, n - 1.0).ok();
    let quantile = student.map(|student| student.inverse_cdf(TAIL));
    let wide = quantile.map(|quantile| quantile * (n / (n - 1.0)).sqrt());
    wide.map_or(TAIL, |wide| Normal::standard().cdf(wide))
}

/// Distribution of the sum of differences over all resamples.
struct Sums {
    /// Probability of each sum, from −n to n.
    probabilities: Vec<f64>,
    n: f64,
}

impl Sums {
    /// Distribution for `items` items, of which one is drawn that adds 1 with probability `up`, and
    /// one that subtracts 1 with probability `down`.
    fn of(up: f64, down: f64, items: u32) -> Self {
        let n = usize::try_from(items).unwrap_or(usize::MAX);
        let stay = 1.0 - up - down;
        let mut probabilities = vec![0.0; 2 * n + 1];
        probabilities[n] = 1.0;
        let mut next = probabilities.clone();
        for drawn in 1..=n {
            // After so many draws the sum is at most as far from zero.
            for at in n - drawn..=n + drawn {
                let below = at.checked_sub(1).map_or(0.0, |below| probabilities[below]);
                let above = probabilities.get(at + 1).copied().unwrap_or(0.0);
                next[at] = stay * probabilities[at] + up * below + down * above;
            }
            std::mem::swap(&mut probabilities, &mut next);
        }
        Self { probabilities, n: f64::from(items) }
    }

    /// The sum below which a share `tail` of the resamples lies. Between two sums the distribution is
    /// interpolated; half of the resamples of a sum count as below it.
    fn quantile(&self, tail: f64) -> f64 {
        let mut below = 0.0;
        let mut last = (-self.n, 0.0);
        for (at, probability) in self.probabilities.iter().enumerate() {
            let (sum, middle) = (at as f64 - self.n, below + probability / 2.0);
            if middle >= tail {
                let (from, to) = (last.1, middle);
                let share = if to > from { (tail - from) / (to - from) } else { 1.0 };
                return last.0 + (sum - last.0) * share;
            }
            last = (sum, middle);
            below += probability;
        }
        self.n
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_interval_is_about_that_of_the_normal_distribution_for_many_items() {
        // Of 400 items 100 are won and 60 lost: mean 0.1, standard error √(0.4 − 0.01)/20.
        let found = paired_difference(100, 60, 400).unwrap();
        let half = 1.96 * 0.39_f64.sqrt() / 20.0;
        assert!((found.mean - 0.1).abs() < 1e-12);
        assert!((found.ci95_low.unwrap() - (0.1 - half)).abs() < 0.002, "{found:?}");
        assert!((found.ci95_high.unwrap() - (0.1 + half)).abs() < 0.002, "{found:?}");
    }

    #[test]
    fn the_distribution_is_that_of_drawn_resamples() {
        // Of 12 items 5 are won and 2 lost.
        let sums = Sums::of(5.0 / 12.0, 2.0 / 12.0, 12);
        let mut random = fastrand::Rng::with_seed(3);
        let mut counts = [0_u32; 25];
        let resamples = 200_000;
        for _ in 0..resamples {
            let sum: i32 = (0..12)
                .map(|_| match random.u8(..12) {
                    0..5 => 1,
                    5..7 => -1,
                    _ => 0,
                })
                .sum();
            counts[usize::try_from(sum + 12).unwrap()] += 1;
        }
        for (count, probability) in counts.iter().zip(&sums.probabilities) {
            let drawn = f64::from(*count) / f64::from(resamples);
            assert!((drawn - probability).abs() < 0.005, "{drawn} {probability}");
        }
        assert!((sums.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn few_items_have_wider_intervals_and_equal_ones_some() {
        assert_eq!(paired_difference(0, 0, 0), None);
        let one = paired_difference(1, 0, 1).unwrap();
        assert_eq!((one.mean, one.ci95_low, one.ci95_high), (1.0, None, None));
        let even = paired_difference(0, 0, 20).unwrap();
        // One fortieth = (1 − 0.1684)²⁰.
        assert!((even.ci95_low.unwrap() + 0.1684).abs() < 1e-3, "{even:?}");
        assert!((even.ci95_high.unwrap() - 0.1684).abs() < 1e-3, "{even:?}");
        let won = paired_difference(20, 0, 20).unwrap();
        assert_eq!(won.ci95_high, Some(1.0));
        assert!(won.ci95_low.unwrap() < 0.7 && won.ci95_low.unwrap() > 0.6, "{won:?}");
        assert!(expanded_tail(5.0) < expanded_tail(100.0) && expanded_tail(100.0) < TAIL);
    }

    proptest! {
        #[test]
        fn the_mean_is_within_its_bounds_and_the_sides_can_be_exchanged(
            first in 0_u32..40, second in 0_u32..40, both in 0_u32..40,
        ) {
            let items = first + second + both;
            prop_assume!(items > 1);
            let found = paired_difference(first, second, items).unwrap();
            let (low, high) = (found.ci95_low.unwrap(), found.ci95_high.unwrap());
            prop_assert!(-1.0 - 1e-9 <= low && low <= found.mean + 1e-9);
            prop_assert!(found.mean <= high + 1e-9 && high <= 1.0 + 1e-9);
            let exchanged = paired_difference(second, first, items).unwrap();
            prop_assert!((exchanged.ci95_high.unwrap() + low).abs() < 1e-9);
        }
    }
}

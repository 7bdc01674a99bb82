//! McNemar's exact test.

use statrs::distribution::{Binomial, DiscreteCDF};

/// Two-sided p-value of the hypothesis that both sides are right equally often, from the items that
/// exactly one side gets right: `first` and `second` of them. Under the hypothesis each is a toss of a
/// fair coin (docs/sources.md#mcnemar).
pub fn exact_mcnemar(first: u32, second: u32) -> f64 {
    let all = u64::from(first) + u64::from(second);
    // A probability of one half is valid for any number of tosses.
    Binomial::new(0.5, all)
        .map_or(1.0, |coin| (2.0 * coin.cdf(u64::from(first.min(second)))).min(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_those_of_the_binomial_distribution() {
        for (first, second, expected) in [
            (0, 0, 1.0),
            (0, 5, 0.0625),
            (0, 6, 0.03125),
            (1, 9, 22.0 / 1024.0),
            (5, 5, 1.0),
            // 2 · (1 + 15 + 105 + 455) of 2¹⁵.
            (3, 12, 0.035_156_25),
        ] {
            let found = exact_mcnemar(first, second);
            assert!((found - expected).abs() < 1e-9, "{first} {second}: {found}");
        }
    }

    proptest! {
        #[test]
        fn it_is_symmetric_and_a_probability(first in 0_u32..400, second in 0_u32..400) {
            let found = exact_mcnemar(first, second);
            prop_assert!((0.0..=1.0).contains(&found));
            prop_assert!((found - exact_mcnemar(second, first)).abs() < 1e-12);
        }
    }
}

//! Slot targets of the tiers (the paper's §5.2).

use harmonic_types::Tier;

/// Target number of slots of an agent of `tier`: ⌊`peak_parallel` × {1, ¾, ½, ⅓}⌋, at least 1. The
/// paper prints 33% for the fourth tier and computes with a third.
pub fn target(tier: Tier, peak_parallel: u32) -> u32 {
    let (numerator, denominator) = match tier {
        Tier::Executive => (1, 1),
        Tier::Directors => (3, 4),
        Tier::Specialists => (1, 2),
        Tier::Heavy => (1, 3),
    };
    let slots = u64::from(peak_parallel) * numerator / denominator;
    u32::try_from(slots).unwrap_or(u32::MAX).max(1)
}

/// Minimum number of slots of a placed agent with this target: half of it, rounded up.
pub fn floor(target: u32) -> u32 {
    target.div_ceil(2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_those_of_the_paper() {
        let targets = |peak| Tier::ALL.map(|tier| target(tier, peak));
        assert_eq!(targets(16), [16, 12, 8, 5]);
        assert_eq!(targets(12), [12, 9, 6, 4]);
        assert_eq!(targets(1), [1, 1, 1, 1]);
        assert_eq!(targets(0), [1, 1, 1, 1]);
        assert_eq!([16, 9, 1].map(floor), [8, 5, 1]);
    }
}

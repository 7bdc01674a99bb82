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

/// Quotas of agents with these targets: the slots that they may use at once without borrowing. If
/// all targets together exceed the maximum in flight, they are scaled down to it, as admission does
/// (the crate `admission`), but to at least one each.
pub fn quotas(targets: &[u32], max_in_flight: u32) -> Vec<u32> {
    let all: u64 = targets.iter().copied().map(u64::from).sum();
    let in_flight = u64::from(max_in_flight);
    let scaled = |target: &u32| u32::try_from(u64::from(*target) * in_flight / all).unwrap_or(0);
    if all <= in_flight {
        return targets.to_vec();
    }
    targets.iter().map(|target| scaled(target).max(1)).collect()
}

/// Slots that an agent with this quota keeps when another joins: half of it, rounded up.
pub fn floor(quota: u32) -> u32 {
    quota.div_ceil(2).max(1)
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

    #[test]
    fn quotas_are_targets_scaled_to_what_may_be_in_flight() {
        assert_eq!(quotas(&[16, 16, 12, 12, 12, 8, 8], 32), [6, 6, 4, 4, 4, 3, 3]);
        assert_eq!(quotas(&[16, 12, 4], 32), [16, 12, 4]);
        assert_eq!(quotas(&[100, 1, 1], 4), [3, 1, 1]);
    }
}

//! Seeds of runs.

use crate::arm::Arm;

/// Seed of the answer `sample` of `arm` to the item `item`, in an evaluation of `seed`: other for
/// each, and the same each time. It is below 2⁵³, which every reader of JSON keeps.
pub fn run_seed(seed: u64, item: usize, arm: Arm, sample: usize) -> u64 {
    let parts = [item as u64, arm as u64, sample as u64];
    let next = |seed: u64, part: u64| fastrand::Rng::with_seed(seed.wrapping_add(part)).u64(..);
    parts.into_iter().fold(next(seed, 0), next) >> 11
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_answer_has_a_seed_of_its_own() {
        let mut seeds = BTreeSet::new();
        for item in 0..100 {
            for arm in Arm::ALL {
                seeds.extend((0..32).map(|sample| run_seed(7, item, arm, sample)));
            }
        }
        assert_eq!(seeds.len(), 100 * 3 * 32);
        assert!(seeds.last() < Some(&(1 << 53)));
        assert_ne!(run_seed(7, 0, Arm::Solo, 0), run_seed(8, 0, Arm::Solo, 0));
    }
}

//! Shares of a context among the artifacts that a task reads.

/// Tokens that each artifact of `sizes` may take of `room`, in their order: what it has, where that
/// is no more than an equal share of what the shorter ones leave. Σ ≤ `room`.
pub(crate) fn shares(sizes: &[u32], room: u32) -> Vec<u32> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&position| (sizes[position], position));
    let mut left = room;
    let mut shares = vec![0; sizes.len()];
    for (done, &position) in order.iter().enumerate() {
        let sharing = u32::try_from(sizes.len() - done).unwrap_or(u32::MAX);
        shares[position] = sizes[position].min(left / sharing);
        left -= shares[position];
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_short_artifacts_leave_goes_to_long_ones() {
        assert_eq!(shares(&[10, 100, 100], 110), [10, 50, 50]);
        assert_eq!(shares(&[10, 20], 100), [10, 20]);
        assert_eq!(shares(&[], 100), [0_u32; 0]);
    }

    proptest! {
        #[test]
        fn shares_stay_within_the_room_and_none_is_larger_than_its_artifact(
            sizes in prop::collection::vec(any::<u32>(), 0..20),
            room: u32,
        ) {
            let given = shares(&sizes, room);
            let sum: u64 = given.iter().map(|share| u64::from(*share)).sum();
            prop_assert!(sum <= u64::from(room));
            prop_assert!(given.iter().zip(&sizes).all(|(share, size)| share <= size));
        }
    }
}

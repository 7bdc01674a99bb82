//! Partition of a device's threads among its engines.
//!
//! Three engines with two threads each on two cores were slower than with one each
//! (`docs/sources.md#threads-of-several-engines`): threads are not oversubscribed.

/// What an engine can use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ThreadDemand {
    /// Its upper bound, as measured.
    pub(crate) most: Option<u32>,
    /// Whether it computes embeddings, so that it is idle most of the time.
    pub(crate) computes_embeddings: bool,
}

/// Threads of each engine, in order of priority. The device is divided among those that generate
/// text. One that computes embeddings has half of the device, or all of it where it is alone, since
/// its threads would be missed by the others whenever it is idle.
pub(crate) fn of_engines(device_threads: u32, demands: &[ThreadDemand]) -> Vec<u32> {
    let generating: Vec<Option<u32>> = demands
        .iter()
        .filter(|demand| !demand.computes_embeddings)
        .map(|demand| demand.most)
        .collect();
    if generating.is_empty() {
        let all: Vec<Option<u32>> = demands.iter().map(|demand| demand.most).collect();
        return partition(device_threads, &all);
    }
    let mut parts = partition(device_threads, &generating).into_iter();
    let half = (device_threads / 2).max(1);
    demands
        .iter()
        .map(|demand| {
            if demand.computes_embeddings {
                demand.most.map_or(half, |most| half.min(most.max(1)))
            } else {
                parts.next().unwrap_or(1)
            }
        })
        .collect()
}

/// Threads of each engine, in order of priority: one each, then one more in turn until the device
/// has none left or every demand is met. `None` is an unlimited demand.
fn partition(device_threads: u32, wanted: &[Option<u32>]) -> Vec<u32> {
    let engines = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
    let mut left = device_threads.saturating_sub(engines);
    let mut threads = vec![1; wanted.len()];
    while left > 0 {
        let before = left;
        for (threads, wanted) in threads.iter_mut().zip(wanted) {
            if left > 0 && wanted.is_none_or(|wanted| *threads < wanted) {
                *threads += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    threads
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_engines_get_what_is_left_over() {
        assert_eq!(partition(8, &[None, None, None]), [3, 3, 2]);
        assert_eq!(partition(2, &[None, None, None]), [1, 1, 1]);
        assert_eq!(partition(8, &[Some(2), None]), [2, 6]);
        assert_eq!(partition(8, &[]), [0; 0]);
    }

    #[test]
    fn an_engine_for_embeddings_takes_no_threads_from_the_others() {
        let generating = ThreadDemand::default();
        let embedding = ThreadDemand { computes_embeddings: true, ..generating };
        assert_eq!(of_engines(2, &[generating, embedding]), [2, 1]);
        assert_eq!(of_engines(1, &[embedding, generating]), [1, 1]);
        assert_eq!(of_engines(8, &[generating, embedding, generating]), [4, 4, 4]);
        assert_eq!(of_engines(8, &[embedding]), [8]);
    }

    proptest! {
        #[test]
        fn threads_are_never_handed_out_twice(
            device in 1_u32..300,
            wanted in proptest::collection::vec(proptest::option::of(1_u32..300), 1..40),
        ) {
            let threads = partition(device, &wanted);
            let engines = u32::try_from(wanted.len()).unwrap();
            let sum: u32 = threads.iter().sum();
            prop_assert!(sum <= device.max(engines));
            for (threads, wanted) in threads.iter().zip(&wanted) {
                prop_assert!(*threads >= 1 && wanted.is_none_or(|wanted| *threads <= wanted));
            }
            // No thread is left idle while an engine wants it.
            let wants_more = |(threads, wanted): (&u32, &Option<u32>)| {
                wanted.is_none_or(|wanted| *threads < wanted)
            };
            prop_assert!(sum >= device || !threads.iter().zip(&wanted).any(wants_more));
        }
    }
}

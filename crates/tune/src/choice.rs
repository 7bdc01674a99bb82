//! Choice among candidates by their measured throughputs.
//!
//! Owns: the rule, stated at [`choose`].
//!
//! Invariants: the chosen candidate is allowed, or the present one; its mean is never below that of
//! the present one; where two are indistinguishable and neither is more faithful, nothing changes.
//!
//! Does not do: measure, or interpret settings.

use harmonic_types::Interval;

/// A measured candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Output tokens per second; `None` where nothing was measured.
    pub tok_s: Option<Interval>,
    /// KL divergence of its output from the original model's in nats per token, 0 for the original.
    pub divergence: f64,
    /// Whether it may be chosen.
    pub allowed: bool,
}

/// Index of the candidate to keep, where `present` is in use now.
///
/// A candidate is eligible if it is allowed, has a higher mean than the present one, and either its
/// interval lies wholly above or its divergence is lower. Of those eligible, the fastest is chosen,
/// or among those whose intervals overlap the fastest's the one with the lowest divergence. An
/// interval without bounds (a single trial) is no evidence.
///
/// If `present` was not measured, any measured candidate is eligible.
///
/// # Panics
/// When `present` is not an index of `candidates`.
pub fn choose(present: usize, candidates: &[Candidate]) -> usize {
    let current = candidates[present];
    let beats = |candidate: &Candidate| match (candidate.tok_s, current.tok_s) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(faster), Some(slower)) => {
            let closer = candidate.divergence < current.divergence
                && candidate.tok_s.is_some_and(is_bounded);
            faster.mean > slower.mean && (lies_above(faster, slower) || closer)
        }
    };
    let eligible: Vec<(usize, Candidate, Interval)> = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| candidate.allowed && beats(candidate))
        .filter_map(|(index, candidate)| Some((index, *candidate, candidate.tok_s?)))
        .collect();
    let Some((_, _, fastest)) =
        eligible.iter().max_by(|(_, _, a), (_, _, b)| a.mean.total_cmp(&b.mean)).copied()
    else {
        return present;
    };
    eligible
        .iter()
        .filter(|(_, _, tok_s)| !lies_above(fastest, *tok_s))
        .min_by(|(_, a, rate_a), (_, b, rate_b)| {
            a.divergence.total_cmp(&b.divergence).then_with(|| rate_b.mean.total_cmp(&rate_a.mean))
        })
        .map_or(present, |(index, _, _)| *index)
}

fn is_bounded(interval: Interval) -> bool {
    interval.ci95_low.is_some() && interval.ci95_high.is_some()
}

/// Whether the interval `high` lies wholly above `low`; false without bounds.
fn lies_above(high: Interval, low: Interval) -> bool {
    matches!((high.ci95_low, low.ci95_high), (Some(bottom), Some(top)) if bottom > top)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(mean: f64, half: f64, divergence: f64) -> Candidate {
        let tok_s = Interval { mean, ci95_low: Some(mean - half), ci95_high: Some(mean + half) };
        Candidate { tok_s: Some(tok_s), divergence, allowed: true }
    }

    #[test]
    fn a_faster_one_needs_an_interval_of_its_own() {
        let present = candidate(100.0, 5.0, 0.0);
        assert_eq!(choose(0, &[present, candidate(108.0, 5.0, 0.0)]), 0);
        assert_eq!(choose(0, &[present, candidate(111.0, 5.0, 0.0)]), 1);
        assert_eq!(choose(1, &[candidate(90.0, 1.0, 0.0), present]), 1, "slower");
    }

    #[test]
    fn of_those_that_cannot_be_told_apart_the_most_faithful_is_kept() {
        let shipped = candidate(220.0, 10.0, 0.0);
        let (bf16, f16) = (candidate(880.0, 40.0, 3e-4), candidate(860.0, 40.0, 1e-5));
        assert_eq!(choose(0, &[shipped, bf16, f16]), 2);
        assert_eq!(choose(1, &[shipped, bf16, f16]), 1, "f16 is not faster than what there is");
        let faster = candidate(890.0, 40.0, 1e-5);
        assert_eq!(choose(1, &[shipped, bf16, faster]), 2, "as fast, and closer");
        assert_eq!(choose(0, &[shipped, candidate(990.0, 40.0, 3e-4), f16]), 1, "distinguishable");
    }

    #[test]
    fn what_may_not_be_taken_or_proves_nothing_is_not() {
        let present = candidate(100.0, 5.0, 0.0);
        let banned = Candidate { allowed: false, ..candidate(900.0, 1.0, 0.2) };
        assert_eq!(choose(0, &[present, banned]), 0);
        let once = Interval { mean: 900.0, ci95_low: None, ci95_high: None };
        let once = Candidate { tok_s: Some(once), divergence: 0.0, allowed: true };
        assert_eq!(choose(0, &[present, once]), 0);
        let failed = Candidate { tok_s: None, ..present };
        assert_eq!(choose(0, &[present, failed]), 0);
        assert_eq!(choose(0, &[failed, present]), 1, "it does not even run");
    }

    proptest! {
        #[test]
        fn nothing_gets_worse(
            drawn in proptest::collection::vec(
                (1.0..1000.0_f64, 0.0..200.0_f64, 0.0..0.1_f64, any::<bool>()),
                1..8,
            ),
            pick in any::<proptest::sample::Index>(),
        ) {
            let candidates: Vec<Candidate> = drawn
                .iter()
                .map(|(mean, half, divergence, allowed)| Candidate {
                    allowed: *allowed,
                    ..candidate(*mean, *half, *divergence)
                })
                .collect();
            let present = pick.index(candidates.len());
            let chosen = choose(present, &candidates);
            let mean = |index: usize| candidates[index].tok_s.unwrap().mean;
            prop_assert!(mean(chosen) >= mean(present));
            prop_assert!(chosen == present || candidates[chosen].allowed);
        }
    }
}

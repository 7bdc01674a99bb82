//! Which of several settings to keep, from their measured throughputs.
//!
//! Owns: the rule, stated at [`choose`].
//!
//! Invariants: the choice is allowed, or what there was; its mean is never below that of what there
//! was; where the figures do not tell two apart and neither is more faithful, nothing changes.
//!
//! Does not do: measure, or know what a setting is.

use harmonic_types::Interval;

/// A setting as measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Output tokens per second; `None` where nothing was measured.
    pub tok_s: Option<Interval>,
    /// Distance of its answers from the original's: KL divergence in nats per token, 0 for the
    /// original.
    pub divergence: f64,
    /// Whether it may be taken.
    pub allowed: bool,
}

/// The setting to keep, given that `present` is in use now.
///
/// A setting takes its place if it is allowed, has the higher mean, and either its interval lies
/// wholly above or its answers are closer to the original's. Of those that may, the fastest is
/// kept, or among the ones whose intervals reach into the fastest's the one with the closest
/// answers. An interval without bounds (a single trial) proves nothing.
///
/// Where `present` itself could not be measured, any other that was may take its place.
///
/// # Panics
/// When `present` is no index of `settings`.
pub fn choose(present: usize, settings: &[Candidate]) -> usize {
    let now = settings[present];
    let beats = |setting: &Candidate| match (setting.tok_s, now.tok_s) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(faster), Some(slower)) => {
            let closer = setting.divergence < now.divergence && setting.tok_s.is_some_and(bounded);
            faster.mean > slower.mean && (lies_above(faster, slower) || closer)
        }
    };
    let able: Vec<(usize, Candidate, Interval)> = settings
        .iter()
        .enumerate()
        .filter(|(_, setting)| setting.allowed && beats(setting))
        .filter_map(|(index, setting)| Some((index, *setting, setting.tok_s?)))
        .collect();
    let Some((_, _, fastest)) =
        able.iter().max_by(|(_, _, a), (_, _, b)| a.mean.total_cmp(&b.mean)).copied()
    else {
        return present;
    };
    able.iter()
        .filter(|(_, _, tok_s)| !lies_above(fastest, *tok_s))
        .min_by(|(_, a, rate_a), (_, b, rate_b)| {
            a.divergence.total_cmp(&b.divergence).then_with(|| rate_b.mean.total_cmp(&rate_a.mean))
        })
        .map_or(present, |(index, _, _)| *index)
}

fn bounded(interval: Interval) -> bool {
    interval.ci95_low.is_some() && interval.ci95_high.is_some()
}

/// Whether `high` lies wholly above `low`, beyond doubt.
fn lies_above(high: Interval, low: Interval) -> bool {
    matches!((high.ci95_low, low.ci95_high), (Some(bottom), Some(top)) if bottom > top)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn setting(mean: f64, half: f64, divergence: f64) -> Candidate {
        let tok_s = Interval { mean, ci95_low: Some(mean - half), ci95_high: Some(mean + half) };
        Candidate { tok_s: Some(tok_s), divergence, allowed: true }
    }

    #[test]
    fn a_faster_one_needs_an_interval_of_its_own() {
        let present = setting(100.0, 5.0, 0.0);
        assert_eq!(choose(0, &[present, setting(108.0, 5.0, 0.0)]), 0);
        assert_eq!(choose(0, &[present, setting(111.0, 5.0, 0.0)]), 1);
        assert_eq!(choose(1, &[setting(90.0, 1.0, 0.0), present]), 1, "slower");
    }

    #[test]
    fn of_those_that_cannot_be_told_apart_the_most_faithful_is_kept() {
        let shipped = setting(220.0, 10.0, 0.0);
        let (bf16, f16) = (setting(880.0, 40.0, 3e-4), setting(860.0, 40.0, 1e-5));
        assert_eq!(choose(0, &[shipped, bf16, f16]), 2);
        assert_eq!(choose(1, &[shipped, bf16, f16]), 1, "f16 is not faster than what there is");
        let faster = setting(890.0, 40.0, 1e-5);
        assert_eq!(choose(1, &[shipped, bf16, faster]), 2, "as fast, and closer");
        assert_eq!(choose(0, &[shipped, setting(990.0, 40.0, 3e-4), f16]), 1, "told apart");
    }

    #[test]
    fn what_may_not_be_taken_or_proves_nothing_is_not() {
        let present = setting(100.0, 5.0, 0.0);
        let banned = Candidate { allowed: false, ..setting(900.0, 1.0, 0.2) };
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
            let settings: Vec<Candidate> = drawn
                .iter()
                .map(|(mean, half, divergence, allowed)| Candidate {
                    allowed: *allowed,
                    ..setting(*mean, *half, *divergence)
                })
                .collect();
            let present = pick.index(settings.len());
            let chosen = choose(present, &settings);
            let mean = |index: usize| settings[index].tok_s.unwrap().mean;
            prop_assert!(mean(chosen) >= mean(present));
            prop_assert!(chosen == present || settings[chosen].allowed);
        }
    }
}

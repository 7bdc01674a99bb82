//! The chain's rules, and the shortlist against the full sort.

use std::sync::Arc;

use harmonic_sched::Token;
use harmonic_types::Sampling;
use proptest::prelude::*;

use super::shortlist::{Candidate, best};
use super::{Logprobs, Sampler};

fn greedy() -> Sampling {
    Sampling { temperature: 0.0, ..Sampling::default() }
}

fn all_sorted(logits: &[f32]) -> Vec<Candidate> {
    let mut all: Vec<_> = (0..i32::try_from(logits.len()).unwrap())
        .filter_map(|token| Candidate::of(logits, Token(token)))
        .collect();
    all.sort_unstable_by(Candidate::better_first);
    all
}

#[test]
fn greedy_takes_the_best_and_the_lowest_of_equals() {
    let mut sampler = Sampler::new(greedy(), 0);
    assert_eq!(sampler.choose(&[0.0, 3.0, 1.0, 3.0]).unwrap().token, Token(1));
    assert_eq!(sampler.choose(&[f32::NAN, -1.0]).unwrap().token, Token(1));
    assert_eq!(sampler.choose(&[f32::NAN, f32::NAN]), None);
}

#[test]
fn a_seed_fixes_the_draw() {
    let logits: Vec<f32> = (0..100u8).map(|i| f32::from(i % 17)).collect();
    let draw = |seed| {
        let mut sampler = Sampler::new(Sampling::default(), seed);
        (0..50).map(|_| sampler.choose(&logits).unwrap().token).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn draws_follow_the_distribution() {
    // p = 0.6, 0.3, 0.1
    let logits = [0.6f32.ln(), 0.3f32.ln(), 0.1f32.ln()];
    let all = Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, ..Sampling::default() };
    let mut sampler = Sampler::new(all, 7);
    let mut seen = [0usize; 3];
    for _ in 0..20_000 {
        seen[usize::try_from(sampler.choose(&logits).unwrap().token.0).unwrap()] += 1;
    }
    // Five standard deviations of a binomial with n = 20,000.
    for (count, p) in seen.into_iter().zip([0.6, 0.3, 0.1]) {
        let deviation = f64::sqrt(20_000.0 * p * (1.0 - p));
        assert!((count as f64 - 20_000.0 * p).abs() < 5.0 * deviation, "{seen:?}");
    }
}

#[test]
fn filters_cut_the_tail() {
    let logits = [0.6f32.ln(), 0.3f32.ln(), 0.1f32.ln()];
    let only = |settings: Sampling| {
        let mut sampler = Sampler::new(settings, 3);
        (0..500).map(|_| sampler.choose(&logits).unwrap().token.0).max().unwrap()
    };
    let open = Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, ..Sampling::default() };
    assert_eq!(only(Sampling { top_k: 2, ..open.clone() }), 1);
    assert_eq!(only(Sampling { top_p: 0.5, ..open.clone() }), 0);
    assert_eq!(only(Sampling { top_p: 0.7, ..open.clone() }), 1);
    assert_eq!(only(Sampling { min_p: 0.4, ..open.clone() }), 1);
    assert_eq!(only(open), 2);
}

#[test]
fn penalties_and_bans_move_the_choice() {
    let logits = [2.0, 1.5, 1.0];
    let mut sampler = Sampler::new(Sampling { frequency_penalty: 0.6, ..greedy() }, 0);
    let chosen: Vec<_> = (0..4).map(|_| sampler.choose(&logits).unwrap().token.0).collect();
    assert_eq!(chosen, [0, 1, 0, 2]);
    let mut sampler = Sampler::new(greedy(), 0).banning(Arc::from([Token(0)]));
    assert_eq!(sampler.choose(&logits).unwrap().token, Token(1));
}

#[test]
fn logprobs_are_normalised() {
    let logits = [0.6f32.ln() + 5.0, 0.3f32.ln() + 5.0, 0.1f32.ln() + 5.0];
    let found = Logprobs::of(&logits, Token(1), 2);
    assert!((found.chosen - 0.3f32.ln()).abs() < 1e-5);
    let top: Vec<_> = found.top.iter().map(|(token, _)| token.0).collect();
    assert_eq!(top, [0, 1]);
}

fn logit() -> impl Strategy<Value = f32> {
    prop_oneof![8 => -20.0f32..20.0, 2 => (-3i8..3).prop_map(f32::from), 1 => Just(f32::NAN)]
}

proptest! {
    #[test]
    fn the_shortlist_is_the_head_of_the_full_sort(
        logits in prop::collection::vec(logit(), 0..400),
        k in 0usize..90,
    ) {
        let mut expected = all_sorted(&logits);
        expected.truncate(k);
        prop_assert_eq!(best(&logits, k), expected);
    }

    #[test]
    fn a_penalised_chain_on_the_shortlist_equals_the_full_chain(
        logits in prop::collection::vec(-8.0f32..8.0, 1..300),
        k in 1u32..50,
        repeat in 0.5f32..2.0,
        presence in -1.0f32..2.0,
        frequency in -0.5f32..1.0,
        seed in any::<u64>(),
    ) {
        let settings = Sampling {
            temperature: 0.8, top_k: k, top_p: 0.9, min_p: 0.02,
            repeat_penalty: repeat, presence_penalty: presence, frequency_penalty: frequency,
        };
        let mut short = Sampler::new(settings.clone(), seed);
        // The reference penalises every logit first and then runs the plain chain.
        let plain = Sampling {
            repeat_penalty: 1.0, presence_penalty: 0.0, frequency_penalty: 0.0, ..settings
        };
        let mut full = Sampler::new(plain, seed);
        for _ in 0..40 {
            let penalised: Vec<f32> = all_sorted(&logits)
                .into_iter()
                .map(|candidate| {
                    let seen = short.recent.contains(&candidate.token);
                    let logit = if seen { short.penalty(candidate) } else { candidate.logit };
                    (candidate.token.0, logit)
                })
                .collect::<std::collections::BTreeMap<_, _>>()
                .into_values()
                .collect();
            let expected = full.choose(&penalised).unwrap().token;
            prop_assert_eq!(short.choose(&logits).unwrap().token, expected);
        }
    }
}

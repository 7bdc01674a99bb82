//! Rules of the chain, and equality of the optimised chain with the full chain over all logits.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use harmonic_batching::Token;
use harmonic_types::{RequestId, Sampling};
use proptest::prelude::*;

use super::mass::exp;
use super::ranking::{Candidate, Ranking};
use super::row::{Row, token};
use super::{Logprobs, PENALTY_WINDOW, Sampler, Samplers};
use crate::constraint::Mask;

fn greedy() -> Sampling {
    Sampling { temperature: 0.0, ..Sampling::default() }
}

/// Settings without filters.
fn open() -> Sampling {
    Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, ..Sampling::default() }
}

fn all_sorted(logits: &[f32]) -> Vec<Candidate> {
    let mut all: Vec<_> = logits
        .iter()
        .enumerate()
        .filter(|(_, logit)| **logit > f32::NEG_INFINITY)
        .map(|(index, logit)| Candidate { token: token(index), logit: *logit })
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
fn nan_and_minus_infinity_are_never_chosen() {
    let mut sampler = Sampler::new(open(), 0);
    let logits = [f32::NAN, f32::NEG_INFINITY, 1.0, f32::NAN, f32::NEG_INFINITY];
    assert!((0..100).all(|_| sampler.choose(&logits).unwrap().token == Token(2)));
    assert_eq!(sampler.choose(&[f32::NEG_INFINITY; 3]), None);
    assert_eq!(sampler.choose(&[0.0, f32::INFINITY]).unwrap().token, Token(1));
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
    let mut sampler = Sampler::new(open(), 7);
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
    assert_eq!(only(Sampling { top_k: 2, ..open() }), 1);
    assert_eq!(only(Sampling { top_p: 0.5, ..open() }), 0);
    assert_eq!(only(Sampling { top_p: 0.7, ..open() }), 1);
    assert_eq!(only(Sampling { min_p: 0.4, ..open() }), 1);
    assert_eq!(only(open()), 2);
}

#[test]
fn bias_penalties_and_bans_move_the_choice() {
    let logits = [2.0, 1.5, 1.0];
    let mut sampler = Sampler::new(Sampling { frequency_penalty: 0.6, ..greedy() }, 0);
    let chosen: Vec<_> = (0..4).map(|_| sampler.choose(&logits).unwrap().token.0).collect();
    assert_eq!(chosen, [0, 1, 0, 2]);
    let mut sampler = Sampler::new(greedy(), 0).with_banned(Arc::from([Token(0)]));
    assert_eq!(sampler.choose(&logits).unwrap().token, Token(1));
    let bias = BTreeMap::from([(Token(2), 1.5), (Token(99), 100.0), (Token(-1), 100.0)]);
    let mut sampler = Sampler::new(greedy(), 0).with_bias(bias);
    assert_eq!(sampler.choose(&logits).unwrap().token, Token(2));
}

#[test]
fn logprobs_are_normalised() {
    let logits = [0.6f32.ln() + 5.0, 0.3f32.ln() + 5.0, 0.1f32.ln() + 5.0];
    let found = Logprobs::of(&logits, Token(1), 2);
    assert!((found.chosen - 0.3f32.ln()).abs() < 1e-5);
    let top: Vec<_> = found.top.iter().map(|(token, _)| token.0).collect();
    assert_eq!(top, [0, 1]);
}

#[test]
fn the_exponential_is_within_its_stated_error() {
    for step in 0u32..87_000 {
        let x = step as f32 * -1e-3;
        let exact = f64::from(x).exp();
        let error = (f64::from(exp(x)) / exact - 1.0).abs();
        assert!(error < 2f64.powi(-22), "e^{x} is off by {error}");
    }
    assert_eq!(exp(0.0).to_bits(), 1f32.to_bits());
    for nothing in [-87.5, -1e30, f32::NEG_INFINITY, f32::NAN] {
        assert_eq!(exp(nothing).to_bits(), 0, "e^{nothing}");
    }
}

fn logit() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -20.0f32..20.0,
        2 => (-3i8..3).prop_map(f32::from),
        1 => prop::sample::select(vec![f32::NAN, f32::NEG_INFINITY]),
    ]
}

prop_compose! {
    fn settings()(
        temperature in prop_oneof![1 => Just(0.0f32), 6 => 0.1f32..2.0],
        top_k in prop_oneof![Just(0u32), 1u32..60, 400u32..500],
        top_p in prop_oneof![Just(1.0f32), 0.0f32..1.0],
        min_p in prop_oneof![Just(0.0f32), 0.0f32..0.5],
        repeat_penalty in prop_oneof![Just(1.0f32), 0.5f32..2.0],
        presence_penalty in prop_oneof![Just(0.0f32), -1.0f32..2.0],
        frequency_penalty in prop_oneof![Just(0.0f32), -0.5f32..1.0],
    ) -> Sampling {
        Sampling {
            temperature, top_k, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty,
        }
    }
}

/// Reference implementation of the chain: modifies every logit, sorts everything, then filters.
struct FullChain {
    settings: Sampling,
    bias: BTreeMap<Token, f32>,
    banned: Vec<Token>,
    rng: fastrand::Rng,
    history: Vec<Token>,
}

impl FullChain {
    fn choose(&mut self, logits: &[f32], mask: Option<&Mask>) -> Option<Token> {
        let Sampling { temperature, top_k, top_p, min_p, .. } = self.settings;
        let changed: Vec<f32> =
            logits.iter().enumerate().map(|(at, l)| self.change(token(at), *l, mask)).collect();
        let mut candidates = all_sorted(&changed);
        let uniform = self.rng.f64();
        if top_k > 0 {
            candidates.truncate(top_k as usize);
        }
        let best = candidates.first()?.logit;
        let sum = |some: &[Candidate]| -> f64 {
            some.iter().map(|c| f64::from(exp(c.logit - best))).sum()
        };
        let all = sum(&candidates);
        let mut keep = 1;
        while keep < candidates.len()
            && (top_p >= 1.0 || sum(&candidates[..keep]) < f64::from(top_p) * all)
            && exp(candidates[keep].logit - best) >= min_p
        {
            keep += 1;
        }
        candidates.truncate(keep);
        let heated = |c: &Candidate| f64::from(exp((c.logit - best) * temperature.recip()));
        let mut left = uniform * candidates.iter().map(heated).sum::<f64>();
        let drawn = candidates.iter().find(|candidate| {
            left -= heated(candidate);
            left < 0.0
        });
        let chosen = if temperature <= 0.0 { candidates.first() } else { drawn };
        let token = chosen.or(candidates.last())?.token;
        self.history.push(token);
        Some(token)
    }

    fn change(&self, token: Token, logit: f32, mask: Option<&Mask>) -> f32 {
        if self.banned.contains(&token) || mask.is_some_and(|mask| !mask.allows(token)) {
            return f32::NEG_INFINITY;
        }
        let s = &self.settings;
        let logit = logit + self.bias.get(&token).unwrap_or(&0.0);
        let recent = self.history.iter().rev().take(PENALTY_WINDOW);
        let times = recent.filter(|other| **other == token).count() as f32;
        if times == 0.0 {
            return logit;
        }
        let by = if logit > 0.0 { s.repeat_penalty.recip() } else { s.repeat_penalty };
        // The same rounding as the implementation's division.
        let scaled = if logit > 0.0 { logit / s.repeat_penalty } else { logit * by };
        scaled - s.presence_penalty - s.frequency_penalty * times
    }
}

fn tokens(most: usize) -> impl Strategy<Value = Vec<Token>> {
    prop::collection::vec((0..500i32).prop_map(Token), 0..most)
}

#[test]
fn temperatures_with_an_infinite_reciprocal_take_the_best() {
    // 1/T overflows below 2⁻¹²⁸.
    for temperature in [1e-39, 1e-45, 1e-38, f32::MIN_POSITIVE] {
        for top_k in [0, 3] {
            let settings = Sampling { temperature, top_k, ..open() };
            for seed in 0..20 {
                let mut sampler = Sampler::new(settings.clone(), seed);
                let token = sampler.choose(&[1.0, 3.0, 2.0, -4.0]).unwrap();
                assert_eq!(token.token, Token(1), "{temperature} {top_k}");
            }
        }
    }
}

proptest! {
    #[test]
    fn the_ranking_is_the_head_of_the_full_sort(
        logits in prop::collection::vec(logit(), 0..900),
        ks in prop::collection::vec(0usize..300, 1..4),
    ) {
        let expected = all_sorted(&logits);
        let mut ranking = Ranking::of(Row::plain(&logits));
        for k in ks {
            prop_assert_eq!(ranking.best(k), &expected[..k.min(expected.len())]);
            prop_assert_eq!(ranking.get(k), expected.get(k).copied());
        }
    }

    #[test]
    fn a_row_equals_the_modified_copy(
        logits in prop::collection::vec(-8.0f32..8.0, 0..400),
        changes in prop::collection::btree_map(0usize..400, -8.0f32..8.0, 0..20),
        allowed in prop::option::of(tokens(300)),
    ) {
        let changes: Vec<_> = changes.into_iter().filter(|(at, _)| *at < logits.len()).collect();
        let mask = allowed.map(Mask::of);
        let row = Row::new(&logits, &changes, mask.as_ref());
        let mut copy = logits.clone();
        for (at, logit) in &changes {
            copy[*at] = *logit;
        }
        for (at, logit) in copy.iter_mut().enumerate() {
            if mask.as_ref().is_some_and(|mask| !mask.allows(token(at))) {
                *logit = f32::NAN;
            }
        }
        let mut seen = Vec::new();
        row.for_each_block(|block| seen.extend(block.iter().map(|logit| logit.to_bits())));
        let expected: Vec<u32> = copy.iter().map(|logit| logit.to_bits()).collect();
        prop_assert_eq!(&seen, &expected);
        let mut scratch = [0.0; super::row::BLOCK];
        let blocks = 0..logits.len().div_ceil(super::row::BLOCK);
        let seen: Vec<u32> = blocks
            .flat_map(|at| row.block(at, &mut scratch).iter().map(|l| l.to_bits()).collect::<Vec<_>>())
            .collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn the_sampler_equals_the_full_chain(
        logits in prop::collection::vec(prop::collection::vec(logit(), 400), 1..4),
        settings in settings(),
        bias in prop::collection::btree_map((-5..500i32).prop_map(Token), -100.0f32..100.0, 0..8),
        banned in tokens(4),
        allowed in prop::option::of(tokens(200)),
        seed in any::<u64>(),
    ) {
        let mask = allowed.map(Mask::of);
        let mut sampler = Sampler::new(settings.clone(), seed)
            .with_bias(bias.clone())
            .with_banned(banned.clone().into());
        let rng = fastrand::Rng::with_seed(seed);
        let mut full = FullChain { settings, bias, banned, rng, history: Vec::new() };
        for at in 0..40 {
            let logits = &logits[at % logits.len()];
            let expected = full.choose(logits, mask.as_ref());
            let chosen = sampler.choose_among(logits, mask.as_ref()).map(|choice| choice.token);
            prop_assert_eq!(chosen, expected);
        }
    }
}

#[test]
fn threads_choose_what_one_thread_chooses() {
    // Enough logits to use several threads.
    let vocabulary = 200_000;
    let mut noise = fastrand::Rng::with_seed(1);
    let rows: Vec<Vec<f32>> =
        (0..23).map(|_| (0..vocabulary).map(|_| noise.f32() * 12.0).collect()).collect();
    let choose = |threads: usize| {
        let mut samplers = Samplers::with_threads(NonZeroUsize::new(threads).unwrap());
        for id in 0..23 {
            samplers.insert(RequestId(id), Sampler::new(Sampling::default(), id));
        }
        let step: Vec<_> = (0..).map(RequestId).zip(rows.iter().map(Vec::as_slice)).collect();
        (0..3).map(|_| samplers.choose_all(&step).unwrap()).collect::<Vec<_>>()
    };
    let alone = choose(1);
    assert_eq!(choose(2), alone);
    assert_eq!(choose(5), alone);
    let mut nobody = Samplers::with_threads(NonZeroUsize::new(2).unwrap());
    let unknown: Vec<_> = (0..).map(RequestId).zip(rows.iter().map(Vec::as_slice)).collect();
    assert_eq!(nobody.choose_all(&unknown), None);
}

//! The statistics on simulated outcomes of known accuracies: the interval covers the true difference,
//! and its sign is found.
//!
//! Each item of each seed has an accuracy of its own, so items differ as those of real suites do.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use harmonic_eval::{Arm, Attempt, Cost, ItemOutcome, compare};
use harmonic_types::{Equality, Ruling};

const SEEDS: u64 = 100;
const ITEMS: usize = 100;

/// Accuracies of an item: one agent is right with a probability from `from` to `from + spread`, the
/// team with `gain` more.
#[derive(Clone, Copy)]
struct Accuracies {
    from: f64,
    spread: f64,
    gain: f64,
}

/// A suite that a team should win, one that it must not, and one on which it is as good.
const BREADTH: Accuracies = Accuracies { from: 0.1, spread: 0.3, gain: 0.45 };
const CHAIN: Accuracies = Accuracies { from: 0.4, spread: 0.4, gain: -0.35 };
const EVEN: Accuracies = Accuracies { from: 0.3, spread: 0.4, gain: 0.0 };

/// Answers that one agent has within the team's tokens, and within its seconds.
const SAMPLES: [(Equality, u32); 2] = [(Equality::Tokens, 3), (Equality::Seconds, 1)];

impl Accuracies {
    /// Outcomes of one evaluation. No two wrong answers are equal.
    fn outcomes(self, seed: u64) -> Vec<ItemOutcome> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut number = 0;
        let mut attempt = |accuracy: f64, random: &mut fastrand::Rng, tokens, ms| {
            number += 1;
            let is_right = random.f64() < accuracy;
            let key = if is_right { "right".to_owned() } else { format!("wrong {number}") };
            let cost = Cost { tokens, ms, joules: None };
            Attempt { key: Some(key), is_right, cost, is_cut: false }
        };
        let item = |index: usize| {
            let solo = self.from + self.spread * random.f64();
            let samples = (0..4).map(|_| attempt(solo, &mut random, 100, 1000));
            let samples = samples.collect();
            let team = attempt(solo + self.gain, &mut random, 300, 1500);
            ItemOutcome {
                id: index.to_string(),
                solo: samples,
                others: [(Arm::Team, team)].into(),
            }
        };
        (0..ITEMS).map(item).collect()
    }

    /// The true difference where one agent has `samples` answers.
    fn truth(self, samples: u32) -> f64 {
        let steps = 10_000;
        let at = |step: u32| {
            let solo = self.from + self.spread * (f64::from(step) + 0.5) / f64::from(steps);
            solo + self.gain - majority(solo, samples)
        };
        (0..steps).map(at).sum::<f64>() / f64::from(steps)
    }
}

/// Probability that the most frequent of `samples` answers is right, where no two wrong ones are
/// equal: two are right, or one is and came first.
fn majority(accuracy: f64, samples: u32) -> f64 {
    let n = f64::from(samples);
    let wrong = 1.0 - accuracy;
    let none = wrong.powf(n);
    let one = n * accuracy * wrong.powf(n - 1.0);
    let two_or_more = 1.0 - none - one;
    two_or_more + one / n
}

/// Seeds of which the interval covers the truth, and verdicts that state the sign `ruling`.
fn covered(accuracies: Accuracies, first: u64, ruling: Ruling) -> Vec<(u64, u64)> {
    let by = |(equality, samples): (Equality, u32)| {
        let truth = accuracies.truth(samples);
        let (mut covered, mut ruled) = (0, 0);
        for seed in first..first + SEEDS {
            let found = compare(&accuracies.outcomes(seed), Arm::Team, equality).unwrap();
            assert!((found.solo_answers - f64::from(samples)).abs() < 1e-9);
            let (low, high) = (found.difference.ci95_low.unwrap(), found.difference.ci95_high.unwrap());
            covered += u64::from((low..=high).contains(&truth));
            ruled += u64::from(found.ruling == Some(ruling));
        }
        (covered, ruled)
    };
    SAMPLES.map(by).to_vec()
}

#[test]
fn the_interval_covers_the_truth_and_the_sign_is_found() {
    for (accuracies, ruling) in
        [(BREADTH, Ruling::TeamBetter), (CHAIN, Ruling::SoloBetter), (EVEN, Ruling::NoDifferenceShown)]
    {
        for (covered, ruled) in covered(accuracies, 1_000, ruling) {
            assert!((93..=97).contains(&covered), "{ruling:?}: {covered}");
            println!("{ruling:?}: {covered} covered, {ruled} ruled");
        }
    }
}

//! The statistics on simulated outcomes of known accuracies: the interval covers the true difference,
//! and its sign is found.
//!
//! Each item of each seed has an accuracy of its own, so items differ as those of real suites do.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::ops::Range;

use harmonic_eval::{Arm, Attempt, Cost, ItemOutcome, compare};
use harmonic_types::{Equality, Ruling};

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
            ItemOutcome { id: index.to_string(), solo: samples, others: [(Arm::Team, team)].into() }
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

/// What evaluations of several seeds have found at one equality.
#[derive(Debug, Default)]
struct Found {
    /// Those whose interval covers the truth.
    covered: u64,
    /// Those whose difference has the sign of the truth.
    signed: u64,
    /// Those whose verdict is the team's.
    team: u64,
    /// Those whose verdict is one agent's.
    solo: u64,
}

fn found(accuracies: Accuracies, seeds: Range<u64>, equality: Equality, samples: u32) -> Found {
    let truth = accuracies.truth(samples);
    let mut found = Found::default();
    for seed in seeds {
        let one = compare(&accuracies.outcomes(seed), Arm::Team, equality).unwrap();
        assert!((one.solo_answers - f64::from(samples)).abs() < 1e-9);
        let (low, high) = (one.difference.ci95_low.unwrap(), one.difference.ci95_high.unwrap());
        found.covered += u64::from((low..=high).contains(&truth));
        found.signed += u64::from(one.difference.mean * truth > 0.0);
        found.team += u64::from(one.ruling == Some(Ruling::TeamBetter));
        found.solo += u64::from(one.ruling == Some(Ruling::SoloBetter));
    }
    found
}

#[test]
fn of_100_evaluations_93_to_97_cover_the_truth_and_find_its_sign() {
    for (equality, samples) in SAMPLES {
        let of = |accuracies| {
            let found = found(accuracies, 1000..1100, equality, samples);
            assert!((93..=97).contains(&found.covered), "{equality:?}: {found:?}");
            found
        };
        let breadth = of(BREADTH);
        assert_eq!((breadth.signed, breadth.team), (100, 100), "{equality:?}: {breadth:?}");
        let chain = of(CHAIN);
        assert_eq!((chain.signed, chain.solo), (100, 100), "{equality:?}: {chain:?}");
        let even = of(EVEN);
        // One agent with several answers is better than the team with one.
        let wrong = if samples == 1 { even.team + even.solo } else { even.team };
        assert!(wrong <= 7, "{equality:?}: {even:?}");
    }
}

/// The seeds of the other test are few, and could be lucky ones.
#[test]
fn of_1000_evaluations_about_950_cover_the_truth() {
    for (equality, samples) in SAMPLES {
        for accuracies in [BREADTH, CHAIN, EVEN] {
            let found = found(accuracies, 5000..6000, equality, samples);
            assert!((935..=965).contains(&found.covered), "{equality:?}: {found:?}");
        }
    }
}

//! Answers to an item, what they cost, and what one agent answers within a budget.
//!
//! The budget of an item is what the other side has spent on it. Within it one agent answers again
//! and again, one answer after the other, and the most frequent answer counts (self-consistency,
//! docs/sources.md#self-consistency). The first answer counts whatever it costs: without it there is
//! none.

use std::collections::BTreeMap;

use harmonic_types::{Equality, Joules};
use serde::{Deserialize, Serialize};

use crate::arm::Arm;

/// What answers have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Tokens, read and written. Those that a cache restored count, too: what is in the cache
    /// depends on which side came first.
    pub tokens: u64,
    /// Wall time, in milliseconds.
    pub ms: u64,
    /// Energy beyond idle power; `None` without a meter.
    pub joules: Option<Joules>,
}

impl Cost {
    /// What is spent in the unit of `equality`.
    pub const fn of(&self, equality: Equality) -> u64 {
        match equality {
            Equality::Tokens => self.tokens,
            Equality::Seconds => self.ms,
        }
    }
}

/// One answer to an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// What is compared with other answers; `None` where it says nothing.
    pub key: Option<String>,
    /// Whether it is right.
    pub is_right: bool,
    /// What it has cost.
    pub cost: Cost,
    /// Whether the run had no whole answer: it failed, or a bound cut it off.
    pub is_cut: bool,
}

/// All answers to one item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemOutcome {
    /// Name of the item.
    pub id: String,
    /// Answers of one agent, in the order in which they were given.
    pub solo: Vec<Attempt>,
    /// Answers of the other sides.
    pub others: BTreeMap<Arm, Attempt>,
}

/// The first of `samples` that together cost at most `budget`; the first one in any case.
pub fn within(samples: &[Attempt], budget: u64, equality: Equality) -> &[Attempt] {
    let mut spent = 0_u64;
    let fitting = samples.iter().take_while(|sample| {
        spent = spent.saturating_add(sample.cost.of(equality));
        spent <= budget
    });
    let count = fitting.count().max(1).min(samples.len());
    &samples[..count]
}

/// Whether a further answer may still fit into `budget` beside `samples`.
pub fn is_within(samples: &[Attempt], budget: u64, equality: Equality) -> bool {
    let costs = samples.iter().map(|sample| sample.cost.of(equality));
    samples.is_empty() || costs.fold(0, u64::saturating_add) < budget
}

/// The most frequent answer; of equals the one that came first. Answers that say nothing do not
/// count beside one that says something. `None` without any.
pub fn majority(samples: &[Attempt]) -> Option<&Attempt> {
    let mut votes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (position, sample) in samples.iter().enumerate() {
        if let Some(key) = &sample.key {
            votes.entry(key).or_insert((position, 0)).1 += 1;
        }
    }
    let best = votes.into_values().max_by_key(|(first, votes)| (*votes, usize::MAX - first));
    samples.get(best.map_or(0, |(first, _)| first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attempt(key: Option<&str>, tokens: u64) -> Attempt {
        let cost = Cost { tokens, ms: tokens * 2, joules: None };
        Attempt { key: key.map(str::to_owned), is_right: key == Some("4"), cost, is_cut: false }
    }

    fn keys(samples: &[Attempt]) -> Vec<&str> {
        samples.iter().map(|sample| sample.key.as_deref().unwrap_or("–")).collect()
    }

    #[test]
    fn answers_count_as_long_as_the_budget_bears_them_and_the_first_always() {
        let samples: Vec<Attempt> =
            [("1", 10), ("2", 20), ("3", 5)].map(|(key, cost)| attempt(Some(key), cost)).into();
        let kept = |budget, equality| keys(within(&samples, budget, equality)).concat();
        for (budget, expected) in [(0, "1"), (9, "1"), (29, "1"), (30, "12"), (35, "123")] {
            assert_eq!(kept(budget, Equality::Tokens), expected, "{budget} tokens");
            assert_eq!(kept(budget * 2, Equality::Seconds), expected, "{budget} · 2 ms");
        }
        assert!(is_within(&samples, 36, Equality::Tokens));
        assert!(!is_within(&samples, 35, Equality::Tokens));
        assert!(is_within(&[], 0, Equality::Tokens) && within(&[], 9, Equality::Tokens).is_empty());
    }

    #[test]
    fn the_most_frequent_answer_counts_and_silence_is_none() {
        let chosen = |keys: &[&str]| {
            let keys = keys.iter().map(|key| (!key.is_empty()).then_some(*key));
            let samples: Vec<Attempt> = keys.map(|key| attempt(key, 1)).collect();
            majority(&samples).and_then(|sample| sample.key.clone()).unwrap_or_default()
        };
        for (keys, expected) in [
            (&["3", "4", "4"][..], "4"),
            (&["3", "4", "4", "3"], "3"),
            (&["1", "2", "3"], "1"),
            (&["", "", "5"], "5"),
            (&["", ""], ""),
            (&[], ""),
        ] {
            assert_eq!(chosen(keys), expected, "{keys:?}");
        }
    }

    proptest! {
        #[test]
        fn what_counts_costs_no_more_than_the_budget(
            costs in proptest::collection::vec(0_u64..50, 1..12), budget in 0_u64..200,
        ) {
            let samples: Vec<Attempt> =
                costs.iter().map(|cost| attempt(Some("1"), *cost)).collect();
            let kept = within(&samples, budget, Equality::Tokens);
            let spent: u64 = kept.iter().map(|sample| sample.cost.tokens).sum();
            prop_assert!(kept.len() == 1 || spent <= budget);
            // One more would exceed it.
            if let Some(next) = samples.get(kept.len()) {
                prop_assert!(spent + next.cost.tokens > budget);
            }
        }
    }
}

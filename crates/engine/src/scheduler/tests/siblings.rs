//! Requests that begin alike compute the beginning once.

use std::collections::BTreeMap;

use harmonic_types::{Bytes, KvLayout, RequestClass, RequestId, Tier};

use super::fake::{Fake, TOKEN_BYTES, config, rows, share};
use crate::scheduler::{Job, SchedulerConfig};
use harmonic_batching::{CacheOp, SeqId, Token};

const SHARED: i32 = 230;

/// Agents of all tiers, two of each, on as many sequences.
fn team(sequences: u32) -> SchedulerConfig {
    let agents =
        Tier::ALL.iter().flat_map(|tier| [*tier; 2]).map(|tier| share("any", tier, 1, 512));
    config(agents.collect(), sequences, u64::from(sequences) * 512)
}

/// The kinds of caches: with and without partial removal, in both layouts.
fn caches(config: &SchedulerConfig) -> Vec<SchedulerConfig> {
    let layouts = [KvLayout::Streams, KvLayout::Unified];
    let kinds =
        layouts.into_iter().flat_map(|layout| [true, false].map(|partial| (layout, partial)));
    kinds
        .map(|(kv_layout, partial_removal)| SchedulerConfig {
            kv_layout,
            partial_removal,
            ..config.clone()
        })
        .collect()
}

/// A prompt that shares its first `shared` tokens with all others, and has `own` of its own.
fn sibling(id: u64, agent: usize, shared: i32, own: i32, max_output: u32) -> Job {
    let first = i32::try_from(id).expect("small") * 1000 + 100_000;
    let prompt = (0..shared).chain(first..first + own).map(Token).collect();
    let class = RequestClass::Interactive;
    Job { id: RequestId(id), agent, class, prompt, shared_prefix: 0, max_output }
}

/// Runs all requests to their end; the tokens of each that were not computed.
fn cached(fake: &mut Fake) -> BTreeMap<u64, u32> {
    let mut cached = BTreeMap::new();
    while !fake.scheduler.is_idle() {
        let finished = fake.step().finished;
        cached.extend(finished.into_iter().map(|ended| (ended.id.0, ended.usage.cached_tokens)));
    }
    fake.run_out();
    cached
}

#[test]
fn six_siblings_of_different_agents_compute_what_they_share_once() {
    for config in caches(&team(8)) {
        // An answer of a single token ends before the others have copied anything.
        for max_output in [1, 9] {
            let mut fake = Fake::new(config.clone());
            for (id, agent) in [(1, 5), (2, 0), (3, 7), (4, 2), (5, 4), (6, 1)] {
                fake.offer(sibling(id, agent, SHARED, 20, max_output));
            }
            // It stops only where a longer copy could not be cut.
            let leader = if config.partial_removal { 250 } else { 230 };
            assert_eq!(rows(&fake.step()), [(2, leader)], "the executive leads");
            let expected = [(1, 230), (2, 0), (3, 230), (4, 230), (5, 230), (6, 230)];
            assert_eq!(cached(&mut fake), expected.into(), "{config:?}");
        }
    }
}

#[test]
fn siblings_that_have_to_queue_find_what_the_first_ones_computed() {
    for config in caches(&team(2)) {
        let mut fake = Fake::new(config.clone());
        for id in 0..8 {
            fake.offer(sibling(id, usize::try_from(id).expect("small"), SHARED, 20, 5));
        }
        let cached = cached(&mut fake);
        let computed: Vec<_> = cached.iter().filter(|(_, cached)| **cached < 230).collect();
        assert_eq!(computed, [(&0, &0)], "{config:?}");
    }
}

#[test]
fn siblings_that_depart_at_different_tokens_copy_what_they_share_with_the_leader() {
    for config in caches(&team(8)) {
        let mut fake = Fake::new(config.clone());
        for (id, shared) in [(1, 300), (2, 230), (3, 235), (4, 100), (5, 300)] {
            fake.offer(sibling(id, usize::try_from(id).expect("small"), shared, 20, 5));
        }
        let cached = cached(&mut fake);
        // Five tokens more are not worth another stop.
        let third = if config.partial_removal { 235 } else { 230 };
        let expected = [(1, 0), (2, 230), (3, third), (4, 100), (5, 300)];
        assert_eq!(cached, expected.into(), "{config:?}");
    }
}

#[test]
fn a_sibling_that_comes_later_copies_from_those_that_run() {
    for config in caches(&team(8)) {
        let mut fake = Fake::new(config.clone());
        fake.offer(sibling(1, 3, SHARED, 60, 30));
        fake.step();
        fake.step();
        fake.offer(sibling(2, 1, SHARED, 20, 5));
        let expected = if config.partial_removal { 230 } else { 0 };
        assert_eq!(cached(&mut fake), [(1, 0), (2, expected)].into(), "{config:?}");
    }
}

#[test]
fn another_leads_when_the_leader_is_cancelled() {
    for config in caches(&team(8)) {
        let mut fake = Fake::new(SchedulerConfig { batch_tokens: 80, ..config });
        for id in 1..5 {
            fake.offer(sibling(id, 4, SHARED, 20, 5));
        }
        assert_eq!(rows(&fake.step()), [(1, 80)]);
        fake.scheduler.cancel(RequestId(1));
        let cached = cached(&mut fake);
        assert_eq!(cached[&2], 80, "what the first one has computed");
        assert_eq!([cached[&3], cached[&4]], [230, 230]);
    }
}

/// A sibling that a more urgent one waits for is as urgent.
#[test]
fn an_executive_that_waits_for_a_specialist_is_not_held_up_by_a_director() {
    for config in caches(&team(8)) {
        let mut fake = Fake::new(SchedulerConfig { batch_tokens: 80, ..config });
        fake.offer(sibling(1, 4, SHARED, 20, 5));
        fake.step();
        fake.offer(sibling(2, 2, 0, 300, 5));
        fake.step();
        fake.offer(sibling(3, 0, SHARED, 20, 5));
        for _ in 0..2 {
            assert!(rows(&fake.step()).iter().any(|(id, _)| *id == 1), "{:?}", fake.scheduler);
        }
        assert_eq!(cached(&mut fake)[&3], 230);
    }
}

#[test]
fn who_shares_little_waits_for_nobody_and_copies_nothing() {
    for config in caches(&team(8)) {
        let mut fake = Fake::new(config);
        fake.offer(sibling(1, 0, 15, 60, 5));
        fake.offer(sibling(2, 0, 15, 60, 5));
        fake.offer(sibling(3, 0, 0, 75, 5));
        let step = fake.step();
        assert_eq!((step.cache.len(), rows(&step)), (0, vec![(1, 75), (2, 75), (3, 75)]));
        fake.run_out();
    }
}

/// The second stage of a run: the goal is known from the first, the artifacts are new.
#[test]
fn what_is_known_of_a_prompt_does_not_keep_siblings_from_sharing_more() {
    for config in caches(&team(4)) {
        let mut fake = Fake::new(config.clone());
        for id in 0..4 {
            fake.offer(sibling(id, usize::try_from(id).expect("small"), 70, 10, 1));
        }
        cached(&mut fake);
        for id in 4..8 {
            fake.offer(sibling(id, usize::try_from(id).expect("small"), SHARED, 20, 5));
        }
        let cached = cached(&mut fake);
        assert_eq!([cached[&5], cached[&6], cached[&7]], [230; 3], "{config:?}");
    }
}

#[test]
fn without_a_prefix_cache_nothing_is_shared() {
    for config in caches(&team(8)) {
        let mut fake = Fake::new(SchedulerConfig { prefix_bytes: Bytes::ZERO, ..config });
        for id in 1..4 {
            fake.offer(sibling(id, 4, SHARED, 20, 5));
        }
        assert_eq!(cached(&mut fake), [(1, 0), (2, 0), (3, 0)].into());
    }
}

/// Copies while others decode are spread over steps; none is lost.
#[test]
fn siblings_beside_decoding_sequences_copy_one_after_the_other() {
    let mut limits = team(8);
    limits.prefix_bytes = Bytes(TOKEN_BYTES * 2000);
    for config in caches(&limits) {
        let mut fake = Fake::new(config.clone());
        fake.offer(sibling(9, 0, 0, 30, 200));
        for _ in 0..5 {
            fake.step();
        }
        for id in 1..6 {
            fake.offer(sibling(id, 4, SHARED, 20, 5));
        }
        let cached = cached(&mut fake);
        assert_eq!([2, 3, 4, 5].map(|id| cached[&id]), [230; 4], "{config:?}");
    }
}

#[test]
fn in_a_pool_siblings_hold_the_same_cells() {
    let mut fake = Fake::new(SchedulerConfig { kv_layout: KvLayout::Unified, ..team(8) });
    fake.offer(sibling(1, 0, SHARED, 20, 5));
    fake.offer(sibling(2, 0, SHARED, 20, 5));
    assert_eq!(rows(&fake.step()), [(1, 250)]);
    let step = fake.step();
    let share = CacheOp::Share { from: SeqId(0), to: SeqId(1), tokens: 230 };
    assert_eq!((step.cache.as_slice(), rows(&step)), (&[share][..], vec![(1, 1), (2, 20)]));
    fake.run_out();
}

/// A benchmark's clients, or a vote, send one prompt many times: a snapshot that ends a few tokens
/// before it must not keep the others from copying what a sibling holds of it.
#[test]
fn equal_prompts_compute_their_last_token_where_a_sibling_holds_the_rest() {
    let all = caches(&team(8));
    for config in all.into_iter().filter(|config| config.partial_removal) {
        let mut fake = Fake::new(SchedulerConfig { batch_tokens: SHARED as u32 - 6, ..config });
        let equal = |id| Job { shared_prefix: 224, ..sibling(id, 3, SHARED, 0, 40) };
        fake.offer(equal(1));
        // The agent's own prefix is saved at token 224; the prompt ends six tokens later.
        while !rows(&fake.step()).contains(&(1, 6)) {}
        fake.step();
        for id in 2..8 {
            fake.offer(equal(id));
        }
        let cached = cached(&mut fake);
        assert_eq!(cached[&1], 0);
        assert!((2..8).all(|id| cached[&id] == 229), "{cached:?}");
    }
}

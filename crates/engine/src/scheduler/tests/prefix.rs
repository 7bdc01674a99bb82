//! Reuse of computed prefixes: restored, moved or continued in place.

use harmonic_types::{Bytes, KvLayout, RequestClass, RequestId, Tier};

use super::fake::{Fake, TOKEN_BYTES, config, rows, share};
use crate::scheduler::{Job, SchedulerConfig};
use harmonic_batching::{CacheOp, SeqId, SnapshotId, Token};

fn limits(slots: u32) -> SchedulerConfig {
    config(vec![share("a", Tier::Executive, slots, 1024)], slots, u64::from(slots) * 1024)
}

/// A prompt of 20 shared tokens and `rest` tokens of its own.
fn with_prefix(id: u64, rest: i32) -> Job {
    let own = i32::try_from(id).expect("small") * 1000;
    let prompt = (0..20).chain(own..own + rest).map(Token).collect();
    Job {
        id: RequestId(id),
        agent: 0,
        class: RequestClass::Interactive,
        prompt,
        shared_prefix: 20,
        max_output: 9,
    }
}

#[test]
fn a_system_prompt_is_computed_once_and_restored_while_its_donor_is_busy() {
    for partial_removal in [true, false] {
        let mut fake = Fake::new(SchedulerConfig { partial_removal, ..limits(3) });
        fake.offer(with_prefix(1, 2));
        fake.offer(with_prefix(2, 2));
        let first = fake.step();
        assert_eq!(rows(&first), [(1, 20)], "the second waits for the prefix");
        assert!(!first.batch.rows[0].sample);
        let second = fake.step();
        let (snapshot, seq) = (SnapshotId(0), SeqId(0));
        let restore = CacheOp::Restore { snapshot, seq: SeqId(1) };
        assert_eq!(second.cache, [CacheOp::Save { seq, snapshot }, restore]);
        assert_eq!(rows(&second), [(1, 2), (2, 2)]);
        fake.scheduler.cancel(RequestId(2));
        assert_eq!(fake.step().finished[0].usage.cached_tokens, 20);
    }
}

#[test]
fn a_cancelled_donor_leaves_what_it_computed() {
    let mut fake = Fake::new(limits(2));
    fake.offer(with_prefix(1, 2));
    fake.offer(with_prefix(2, 2));
    fake.step_with(|_| false, |scheduler| scheduler.cancel(RequestId(1)));
    assert_eq!(rows(&fake.step()), [(2, 2)]);
    fake.run_out();
}

#[test]
fn a_warm_prefix_is_there_for_the_first_request() {
    let mut fake = Fake::new(limits(2));
    let warm = Job { prompt: (0..20).map(Token).collect(), max_output: 0, ..with_prefix(1, 0) };
    fake.offer(warm);
    let load = |fake: &Fake| {
        let load = fake.scheduler.load();
        (load[0].in_flight, load[0].queued)
    };
    assert_eq!(load(&fake), (0, 0), "a warm-up is no load while it waits");
    assert_eq!(rows(&fake.step()), [(1, 20)]);
    assert_eq!(load(&fake), (0, 0), "nor while it runs");
    fake.offer(with_prefix(2, 3));
    assert_eq!(load(&fake), (0, 1));
    let step = fake.step();
    assert_eq!((step.finished[0].id, rows(&step)), (RequestId(1), vec![(2, 3)]));
    fake.run_out();
}

#[test]
fn any_long_prefix_is_shared_with_a_busy_sequence() {
    let mut fake = Fake::new(limits(3));
    let of = |id: u64, last: i32| Job {
        id: RequestId(id),
        agent: 0,
        class: RequestClass::Interactive,
        prompt: (0..100).chain([last]).map(Token).collect(),
        shared_prefix: 0,
        max_output: 50,
    };
    fake.offer(of(1, 1000));
    fake.step();
    fake.step();
    fake.offer(of(2, 2000));
    let step = fake.step();
    let (snapshot, seq) = (SnapshotId(0), SeqId(1));
    let expected = [
        CacheOp::Save { seq: SeqId(0), snapshot },
        CacheOp::Restore { snapshot, seq },
        CacheOp::Trim { seq, keep: 100 },
    ];
    assert_eq!((&step.cache[..], rows(&step)), (&expected[..], vec![(1, 1), (2, 1)]));
    fake.run_out();
}

/// The next turn of a conversation, with `more` tokens.
fn next_turn(fake: &Fake, before: u64, id: u64, more: i32) -> Job {
    let mut prompt = fake.tokens_of(before);
    prompt.extend((more..more + 5).map(Token));
    Job {
        id: RequestId(id),
        agent: 0,
        class: RequestClass::Interactive,
        prompt,
        shared_prefix: 0,
        max_output: 3,
    }
}

/// Runs a first turn of `prompt` tokens to its end; returns the next turn.
fn turn(fake: &mut Fake, id: u64, prompt: i32) -> Job {
    let own = i32::try_from(id).expect("small") * 10_000;
    let prompt = (own..own + prompt).map(Token).collect();
    fake.offer(Job {
        id: RequestId(id),
        agent: 0,
        class: RequestClass::Interactive,
        prompt,
        shared_prefix: 0,
        max_output: 3,
    });
    for _ in 0..3 {
        fake.step();
    }
    let next = next_turn(fake, id, id + 1000, -50_000);
    fake.step();
    next
}

#[test]
fn a_conversation_continues_in_its_retained_sequence() {
    for partial_removal in [true, false] {
        let mut fake = Fake::new(SchedulerConfig { partial_removal, ..limits(2) });
        let next = turn(&mut fake, 1, 40);
        fake.offer(next);
        let step = fake.step();
        // The last sampled token is not in the cache: 42 of 43 are.
        assert_eq!((step.cache.len(), rows(&step)), (0, vec![(1001, 6)]));
        fake.run_out();
    }
}

#[test]
fn an_evicted_conversation_is_restored_if_it_was_long() {
    for (prompt, computed) in [(300, 6), (40, 48)] {
        let mut fake = Fake::new(limits(1));
        let next = turn(&mut fake, 1, prompt);
        turn(&mut fake, 2, 10);
        fake.offer(next);
        assert_eq!(rows(&fake.step()), [(1001, computed)]);
        fake.run_out();
    }
}

#[test]
fn in_a_pool_nothing_is_retained() {
    let mut fake = Fake::new(SchedulerConfig { kv_layout: KvLayout::Unified, ..limits(2) });
    let next = turn(&mut fake, 1, 300);
    fake.offer(next);
    let step = fake.step();
    let (snapshot, seq) = (SnapshotId(0), SeqId(0));
    assert_eq!(step.cache, [CacheOp::Restore { snapshot, seq }]);
    assert_eq!(rows(&step), [(1001, 6)]);
    fake.run_out();
}

/// A pool of 400 cells.
fn pool() -> Fake {
    let agents = vec![share("a", Tier::Executive, 3, 400)];
    Fake::new(SchedulerConfig { kv_layout: KvLayout::Unified, ..config(agents, 3, 400) })
}

/// A prompt of `shared` shared tokens and `rest` tokens of its own.
fn sharing(id: u64, shared: i32, rest: i32, max_output: u32) -> Job {
    let own = i32::try_from(id).expect("small") * 1000 + 100_000;
    let prompt = (0..shared).chain(own..own + rest).map(Token).collect();
    Job {
        id: RequestId(id),
        agent: 0,
        class: RequestClass::Interactive,
        prompt,
        shared_prefix: 0,
        max_output,
    }
}

/// The machine would fail: the whole snapshot needs cells before it is trimmed.
#[test]
fn in_a_pool_a_snapshot_that_has_no_cells_is_computed_instead() {
    let mut fake = pool();
    fake.offer(sharing(1, 300, 0, 2));
    fake.step();
    fake.step();
    fake.step();
    assert!(fake.finished.contains_key(&RequestId(1)), "its 301 tokens are a snapshot now");
    fake.offer(sharing(2, 0, 200, 50));
    fake.step();
    fake.offer(sharing(3, 100, 5, 10));
    let step = fake.step();
    assert!(step.cache.is_empty(), "{:?}", step.cache);
    assert_eq!(rows(&step), [(2, 1), (3, 105)]);
    // With enough cells it is restored.
    fake.scheduler.cancel(RequestId(2));
    fake.scheduler.cancel(RequestId(3));
    fake.step();
    fake.offer(sharing(4, 100, 5, 10));
    assert_eq!(rows(&fake.step()), [(4, 5)]);
    fake.run_out();
}

/// A copy would not fit.
#[test]
fn in_a_pool_a_busy_sequence_shares_its_cells() {
    let mut fake = pool();
    fake.offer(sharing(1, 250, 0, 50));
    fake.step();
    fake.step();
    fake.offer(sharing(2, 80, 5, 10));
    let step = fake.step();
    assert_eq!(step.cache, [CacheOp::Share { from: SeqId(0), to: SeqId(1), tokens: 80 }]);
    assert_eq!(rows(&step), [(1, 1), (2, 5)]);
    fake.run_out();
}

/// Requests that need more cells than a stream has are rejected.
#[test]
fn a_stream_has_its_share_of_the_cells_and_no_more() {
    let mut fake = Fake::new(config(vec![share("a", Tier::Executive, 2, 200)], 2, 200));
    assert!(!fake.offer(sharing(1, 0, 60, 41)));
    assert!(fake.offer(sharing(2, 0, 60, 40)));
    fake.run_out();
}

#[test]
fn a_prefix_is_not_restored_if_computing_it_is_faster() {
    let mut fake = Fake::new(limits(2));
    let next = turn(&mut fake, 1, 300);
    turn(&mut fake, 2, 300);
    turn(&mut fake, 3, 10);
    // Measured copies take an hour per gigabyte.
    fake.copies_take(std::time::Duration::from_hours(1));
    fake.offer(next);
    let step = fake.step();
    assert!(!step.cache.iter().any(|op| matches!(op, CacheOp::Restore { .. })), "{:?}", step.cache);
    fake.run_out();
}

#[test]
fn the_prefix_cache_stays_within_its_capacity() {
    let mut fake =
        Fake::new(SchedulerConfig { prefix_bytes: Bytes(TOKEN_BYTES * 400), ..limits(1) });
    for id in 1..6 {
        turn(&mut fake, id, 300);
    }
    fake.run_out();
    assert!(fake.scheduler.batching.prefix_cache_bytes() <= Bytes(TOKEN_BYTES * 400));
}

//! Compaction of live sequence ids.

use std::time::Duration;

use harmonic_types::{Bytes, RequestId, Tier};

use super::fake::{Fake, config, job, share};
use crate::scheduler::SchedulerConfig;
use harmonic_batching::{CacheOp, SeqId};

fn eight() -> Fake {
    let mut fake = Fake::new(limits());
    for id in 0..8 {
        fake.offer(job(id, 0, 4, 100));
    }
    fake.step();
    fake
}

fn live(fake: &mut Fake) -> Vec<u32> {
    fake.step().batch.rows.iter().map(|row| row.seq.0).collect()
}

#[test]
fn gaps_that_last_are_closed_from_the_top() {
    let mut fake = eight();
    for id in [0, 2, 4, 6] {
        fake.scheduler.cancel(RequestId(id));
    }
    assert_eq!(live(&mut fake), [1, 3, 5, 7]);
    assert_eq!(live(&mut fake), [1, 3, 5, 7]);
    let step = fake.step();
    let moves: Vec<_> = step.cache.iter().filter(|op| matches!(op, CacheOp::Move { .. })).collect();
    let to_gap = |from: u32, to: u32| CacheOp::Move { from: SeqId(from), to: SeqId(to) };
    assert_eq!(moves, [&to_gap(7, 0), &to_gap(5, 2)]);
    assert_eq!(live(&mut fake), [0, 1, 2, 3]);
    fake.run_out();
}

/// Live sequence ids some steps after every second of eight has ended.
fn after_gaps(limits: SchedulerConfig) -> Vec<u32> {
    let mut fake = Fake::new(limits);
    for id in 0..8 {
        fake.offer(job(id, 0, 4, 100));
    }
    fake.step();
    for id in [0, 2, 4, 6] {
        fake.scheduler.cancel(RequestId(id));
    }
    for _ in 0..5 {
        fake.step();
    }
    let live = live(&mut fake);
    fake.run_out();
    live
}

fn limits() -> SchedulerConfig {
    config(vec![share("a", Tier::Executive, 8, 128)], 8, 1024)
}

#[test]
fn a_move_stays_within_the_ledger() {
    // Sequences of at most 10 tokens, 100 bytes.
    let with = |preempted| SchedulerConfig {
        prefix_bytes: Bytes::ZERO,
        preempted_bytes: Bytes(preempted),
        ..limits()
    };
    assert_eq!(after_gaps(with(200)), [0, 1, 2, 3]);
    assert_eq!(after_gaps(with(20)), [1, 3, 5, 7], "the temporary copy does not fit");
}

#[test]
fn a_move_stays_within_the_time_of_a_step() {
    // With 100 MB per token and 1 ms per step, moving a sequence takes 0.3 s.
    let large = SchedulerConfig {
        token_bytes: Bytes(100_000_000),
        prefix_bytes: Bytes(1 << 50),
        step_time: Duration::from_millis(2),
        ..limits()
    };
    assert_eq!(after_gaps(large.clone()), [1, 3, 5, 7]);
    assert_eq!(
        after_gaps(SchedulerConfig { step_time: Duration::from_secs(9), ..large }),
        [0, 1, 2, 3]
    );
}

#[test]
fn a_gap_that_the_next_request_fills_costs_nothing() {
    let mut fake = eight();
    fake.scheduler.cancel(RequestId(3));
    fake.step();
    fake.offer(job(9, 0, 4, 100));
    let step = fake.step();
    assert!(!step.cache.iter().any(|op| matches!(op, CacheOp::Move { .. })));
    assert_eq!(step.granted().next().map(|grant| grant.seq), Some(SeqId(3)));
    fake.run_out();
}

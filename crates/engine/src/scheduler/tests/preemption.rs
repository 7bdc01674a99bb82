//! Preemption of borrowers, without loss.

use harmonic_types::{Bytes, FinishReason, KvLayout, RequestId, Tier};

use super::fake::{Fake, TOKEN_BYTES, config, granted, job, rows, share};
use crate::scheduler::SchedulerConfig;
use harmonic_batching::{CacheOp, SeqId, SnapshotId};

/// An executive and a coder with one slot each, on two sequences.
fn pair() -> SchedulerConfig {
    let agents =
        vec![share("exec", Tier::Executive, 1, 256), share("coder", Tier::Specialists, 1, 256)];
    config(agents, 2, 512)
}

#[test]
fn a_request_within_its_quota_is_in_the_next_batch_and_the_borrower_goes_on_later() {
    let mut fake = Fake::new(pair());
    fake.offer(job(1, 1, 4, 6));
    fake.offer(job(2, 1, 4, 6));
    fake.step();
    fake.step();
    fake.offer(job(3, 0, 5, 2));
    let step = fake.step();
    assert_eq!((granted(&step), rows(&step)), (vec![3], vec![(1, 1), (3, 5)]));
    let (seq, snapshot) = (SeqId(1), SnapshotId(0));
    assert_eq!(step.cache, [CacheOp::Save { seq, snapshot }, CacheOp::Drop { seq }]);
    let load = fake.scheduler.load();
    assert_eq!((load[1].preempted, load[1].in_flight, load[0].in_flight), (1, 1, 1));
    fake.step();
    // The executive has finished; the borrower resumes with its last sampled token.
    let step = fake.step();
    assert!(step.cache.contains(&CacheOp::Restore { snapshot, seq }), "{:?}", step.cache);
    assert!(granted(&step).is_empty(), "it was granted before");
    assert_eq!(rows(&step), [(1, 1), (2, 1)]);
    fake.run_out();
    assert_eq!(fake.finished[&RequestId(2)], FinishReason::Length);
}

#[test]
fn the_lowest_tier_gives_back_first_and_then_the_latest() {
    let agents = vec![
        share("exec", Tier::Executive, 2, 64),
        share("director", Tier::Directors, 1, 64),
        share("coder", Tier::Specialists, 1, 64),
    ];
    let mut fake = Fake::new(config(agents, 4, 256));
    for (id, agent) in [(1, 1), (2, 2), (3, 2), (4, 1)] {
        fake.offer(job(id, agent, 4, 20));
        fake.step();
    }
    fake.offer(job(5, 0, 4, 20));
    let step = fake.step();
    assert_eq!(rows(&step).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 5, 4]);
    fake.offer(job(6, 0, 4, 20));
    let step = fake.step();
    assert_eq!(rows(&step).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 5, 6]);
    fake.run_out();
}

#[test]
fn a_prompt_half_computed_is_preempted_too() {
    let mut limits = pair();
    limits.batch_tokens = 10;
    let mut fake = Fake::new(limits);
    fake.offer(job(1, 1, 4, 50));
    fake.offer(job(2, 1, 30, 5));
    fake.step();
    fake.offer(job(3, 0, 9, 1));
    assert_eq!(rows(&fake.step()), [(1, 1), (3, 9)]);
    assert_eq!(rows(&fake.step()), [(1, 1), (2, 9)], "it goes on after its first six tokens");
    fake.run_out();
}

/// It may neither preempt borrowers nor prevent others from doing so.
#[test]
fn an_agent_without_slots_does_not_hold_back_the_quotas_of_others() {
    let agents = vec![
        share("exec", Tier::Executive, 0, 64),
        share("director", Tier::Directors, 1, 64),
        share("coder", Tier::Specialists, 1, 64),
    ];
    let mut fake = Fake::new(config(agents, 2, 128));
    for id in [1, 2] {
        fake.offer(job(id, 2, 4, 20));
    }
    fake.step();
    fake.offer(job(3, 0, 4, 20));
    fake.offer(job(4, 1, 4, 20));
    assert_eq!(granted(&fake.step()), [4]);
    fake.scheduler.cancel(RequestId(1));
    assert_eq!(granted(&fake.step()), [3], "what is free next is its own");
    fake.run_out();
}

#[test]
fn no_more_is_borrowed_than_could_be_preempted() {
    let agents = vec![share("exec", Tier::Executive, 3, 64), share("coder", Tier::Heavy, 1, 64)];
    let mut limits = config(agents, 4, 256);
    // Room for one borrower of 4 + 20 tokens, not for two.
    limits.preempted_bytes = Bytes(TOKEN_BYTES * 40);
    let mut fake = Fake::new(limits);
    for id in 0..4 {
        fake.offer(job(id, 1, 4, 20));
    }
    assert_eq!(granted(&fake.step()), [0, 1], "one within its quota, one borrowed");
    for id in 10..13 {
        fake.offer(job(id, 0, 4, 20));
    }
    assert_eq!(granted(&fake.step()), [10, 11, 12]);
    fake.run_out();
}

#[test]
fn without_memory_for_preemption_nothing_is_borrowed() {
    let mut limits = pair();
    limits.preempted_bytes = Bytes::ZERO;
    let mut fake = Fake::new(limits);
    fake.offer(job(1, 1, 4, 6));
    fake.offer(job(2, 1, 4, 6));
    assert_eq!(granted(&fake.step()), [1]);
    fake.run_out();
}

#[test]
fn a_preempted_request_can_be_cancelled() {
    let mut fake = Fake::new(pair());
    fake.offer(job(1, 1, 4, 60));
    fake.offer(job(2, 1, 4, 60));
    fake.step();
    fake.offer(job(3, 0, 5, 60));
    fake.step();
    fake.scheduler.cancel(RequestId(2));
    let step = fake.step();
    assert_eq!(step.cache, [CacheOp::Discard { snapshot: SnapshotId(0) }]);
    assert_eq!((step.finished[0].id, step.finished[0].seq), (RequestId(2), None));
    assert_eq!(step.finished[0].usage.completion_tokens, 1);
    fake.run_out();
}

#[test]
fn in_a_pool_borrowers_give_back_cells_as_well() {
    let agents = vec![share("exec", Tier::Executive, 1, 100), share("coder", Tier::Heavy, 3, 40)];
    let mut limits = config(agents, 4, 160);
    limits.kv_layout = KvLayout::Unified;
    let mut fake = Fake::new(limits);
    for id in 0..4 {
        fake.offer(job(id, 1, 20, 20));
    }
    assert_eq!(granted(&fake.step()), [0, 1, 2, 3]);
    fake.offer(job(9, 0, 30, 10));
    let step = fake.step();
    assert_eq!(granted(&step), [9]);
    assert_eq!(rows(&step).len(), 4, "one of the four is preempted");
    fake.run_out();
}

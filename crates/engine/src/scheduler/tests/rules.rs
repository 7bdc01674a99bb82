//! Order, prefill chunks, limits.

use std::collections::BTreeMap;
use std::time::Duration;

use harmonic_types::{Bytes, FinishReason, Rejection, RequestId, Tier, Tokens};
use proptest::prelude::*;

use super::fake::{Fake, config, granted, job, rows, share};
use crate::scheduler::Scheduler;
use harmonic_admission::Tick;
use harmonic_batching::{Sampled, StepResult, Token};

#[test]
fn a_long_prompt_is_chunked_beside_decoding() {
    let mut limits = config(vec![share("a", Tier::Executive, 2, 4096)], 2, 8192);
    limits.batch_tokens = 100;
    let mut fake = Fake::new(limits);
    fake.offer(job(1, 0, 3, 50));
    fake.step();
    fake.offer(job(2, 0, 250, 50));
    let chunks: Vec<_> = (0..4).map(|_| rows(&fake.step())).collect();
    assert_eq!(chunks, [[(1, 1), (2, 99)], [(1, 1), (2, 99)], [(1, 1), (2, 52)], [(1, 1), (2, 1)]]);
}

/// Runs a step that takes 1 ms plus 1 ms per prefill token.
fn slow_step(scheduler: &mut Scheduler, now: &mut Tick) -> usize {
    let step = scheduler.step(*now);
    let sampled = step.batch.sampling_rows();
    let sampled = sampled.map(|row| Sampled { id: row.request, token: Token(7), stop: false });
    let done = StepResult { sampled: sampled.collect(), saved: Vec::new() };
    let prefill = step.batch.rows.iter().map(|row| row.len).filter(|len| *len > 1).sum();
    *now = *now + Duration::from_millis(1 + prefill as u64);
    scheduler.commit(*now, step, done);
    prefill
}

#[test]
fn the_bound_of_a_step_limits_prefill_while_others_decode() {
    let mut limits = config(vec![share("a", Tier::Executive, 2, 4096)], 2, 8192);
    limits.step_time = Duration::from_millis(101);
    let mut scheduler = Scheduler::new(limits);
    let mut now = Tick(0);
    scheduler.offer(now, job(1, 0, 400, 50)).expect("fits");
    assert_eq!(slow_step(&mut scheduler, &mut now), 400, "no stream is held up");
    slow_step(&mut scheduler, &mut now);
    scheduler.offer(now, job(2, 0, 300, 50)).expect("fits");
    let chunks: Vec<usize> = (0..3).map(|_| slow_step(&mut scheduler, &mut now)).collect();
    assert_eq!(chunks, [64, 64, 64], "whole tiles within 101 ms");
}

#[test]
fn output_ends_where_the_context_ends() {
    let mut fake = Fake::new(config(vec![share("a", Tier::Executive, 1, 10)], 1, 10));
    fake.offer(job(1, 0, 7, 1000));
    for _ in 0..3 {
        assert!(fake.step().finished.is_empty());
    }
    let finished = fake.step().finished;
    assert_eq!(finished[0].reason, FinishReason::Length);
    assert_eq!((finished[0].usage.prompt_tokens, finished[0].usage.completion_tokens), (7, 3));
    let full = fake.scheduler.offer(Tick(0), job(2, 0, 10, 1)).expect_err("no room to answer");
    assert!(matches!(
        full,
        Rejection::PromptTooLong { prompt: Tokens(10), context: Tokens(10), .. }
    ));
}

#[test]
fn a_quota_comes_before_borrowing_and_idle_slots_are_borrowed() {
    let agents =
        vec![share("exec", Tier::Executive, 1, 64), share("coder", Tier::Specialists, 2, 64)];
    let mut fake = Fake::new(config(agents, 3, 3 * 64));
    for id in 0..5 {
        fake.offer(job(id, 1, 4, 2));
    }
    assert_eq!(granted(&fake.step()), [0, 1, 2], "the executive's idle slot is borrowed");
    fake.step(); // the three finish here
    fake.offer(job(100, 0, 4, 2));
    assert_eq!(granted(&fake.step()), [100, 3, 4], "the executive goes first, though it came last");
}

#[test]
fn waiting_promotes_a_tier() {
    let agents = vec![share("exec", Tier::Executive, 1, 64), share("heavy", Tier::Heavy, 1, 64)];
    let mut limits = config(agents, 1, 64);
    limits.ageing = Duration::from_nanos(10);
    let mut scheduler = Scheduler::new(limits);
    scheduler.offer(Tick(0), job(1, 1, 4, 1)).expect("fits");
    scheduler.offer(Tick(35), job(2, 0, 4, 1)).expect("fits");
    assert_eq!(
        scheduler.step(Tick(35)).granted().next().map(|grant| grant.id),
        Some(RequestId(1)),
        "three tiers in 35 ns"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// For any slots, including none, and with queues that are always full, a bounded number of
    /// other requests is admitted before each one. Ageing by time is off, so only admissions age.
    #[test]
    fn no_request_starves(
        slots in prop::collection::vec(0..4u32, 2..7), in_flight in 1..5u32, preempts in any::<bool>(),
    ) {
        const QUEUE: u64 = 3;
        let agents: Vec<_> = slots
            .iter()
            .zip(Tier::ALL.iter().rev().cycle())
            .map(|(slots, tier)| share("any", *tier, *slots, 64))
            .collect();
        let count = agents.len() as u64;
        let mut limits = config(agents, 8, 8 * 64);
        limits.max_in_flight = in_flight;
        limits.queue_limit = 3;
        limits.ageing = Duration::from_secs(1 << 40);
        if !preempts {
            limits.preempted_bytes = Bytes::ZERO;
        }
        let mut fake = Fake::new(limits);
        let (mut id, mut admitted) = (0, 0u64);
        let mut offered: BTreeMap<u64, u64> = BTreeMap::new();
        for _ in 0..1500 {
            for agent in 0..slots.len() {
                while fake.offer(job(id, agent, 3, 1 + u32::try_from(id % 4).expect("small"))) {
                    offered.insert(id, admitted);
                    id += 1;
                }
            }
            for granted in granted(&fake.step()) {
                let passed = admitted - offered.remove(&granted).expect("offered");
                // Agents without a quota take the floor one after the other, for at most 4 steps
                // each.
                let turns = (QUEUE + 1) * count;
                let bound = 3 * 64 + turns * (4 * u64::from(in_flight) + 1);
                prop_assert!(passed <= bound, "{passed} were admitted before {granted}, bound {bound}");
                admitted += 1;
            }
        }
        let oldest = offered.values().min().copied().unwrap_or(admitted);
        prop_assert!(admitted - oldest <= 700, "{offered:?} wait since {oldest}");
    }
}

#[test]
fn prefill_goes_by_tier() {
    let agents = vec![share("heavy", Tier::Heavy, 1, 512), share("exec", Tier::Executive, 1, 512)];
    let mut limits = config(agents, 2, 1024);
    limits.batch_tokens = 50;
    let mut fake = Fake::new(limits);
    fake.offer(job(1, 0, 100, 1));
    fake.offer(job(2, 1, 40, 1));
    assert_eq!(rows(&fake.step()), [(2, 40)]);
}

#[test]
fn a_full_queue_rejects() {
    let mut limits = config(vec![share("a", Tier::Executive, 1, 64)], 1, 64);
    limits.queue_limit = 1;
    let mut scheduler = Scheduler::new(limits);
    scheduler.offer(Tick(0), job(1, 0, 4, 1)).expect("fits");
    let rejection = scheduler.offer(Tick(0), job(2, 0, 4, 1)).expect_err("full");
    assert!(matches!(rejection, Rejection::QueueFull { queued: 1, .. }));
}

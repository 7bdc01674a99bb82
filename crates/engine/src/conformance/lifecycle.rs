//! Slot lifecycle: refilling, freeing, draining.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use harmonic_types::{AgentName, Bytes, FinishReason, Rejection, RequestClass};

use super::{Factory, answer, ask, collect, config};
use crate::engine::{AgentSlots, Engine, Health, ReslotError};

pub(super) async fn a_finished_slot_is_refilled_while_others_run(factory: Factory<'_>) {
    let engine = factory(config(2, 1024));
    let mut long = ask(1, "first", "Write a story.", 160);
    long.ignore_eos = true;
    let mut long = engine.submit(long).await.expect("granted");
    // Ten more, one after the other, through the remaining slot.
    for id in 2..12 {
        answer(&engine, ask(id, "second", "Say hello.", 3)).await;
    }
    let mut still_running = false;
    while let Some(event) = long.next().await {
        still_running |= !matches!(event, harmonic_types::Event::Finished { .. });
    }
    assert!(still_running);
}

/// Waits until nothing is in flight or queued. Only a leaked slot prevents that, which the test
/// harness's own time limit ends.
async fn idle(engine: &Arc<dyn Engine>) {
    while engine.status().agents.iter().any(|agent| agent.in_flight + agent.queued > 0) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(super) async fn going_away_frees_the_slot(factory: Factory<'_>) {
    let engine = factory(config(1, 1024));
    let endless = |id| {
        let mut request = ask(id, "first", "Write a story without an end.", 900);
        request.ignore_eos = true;
        request
    };
    let mut running = engine.submit(endless(1)).await.expect("granted");
    running.next().await.expect("it runs");
    let queued = tokio::time::timeout(Duration::from_millis(20), engine.submit(endless(2)));
    assert!(queued.await.is_err(), "the one slot is taken; the dropped future withdraws");
    drop(running);
    idle(&engine).await;
    let after = answer(&engine, ask(3, "first", "Say hello.", 3)).await;
    assert!(after.usage.completion_tokens > 0);
}

pub(super) async fn a_borrower_loses_nothing(factory: Factory<'_>) {
    let engine = factory(config(2, 512));
    let long = |id| {
        let mut request = ask(id, "second", "Write a story.", 300);
        request.ignore_eos = true;
        request
    };
    let mut own = engine.submit(long(1)).await.expect("within its quota");
    let mut borrowing = engine.submit(long(2)).await.expect("on a borrowed slot");
    own.next().await.expect("it runs");
    borrowing.next().await.expect("it runs");
    let within_quota = answer(&engine, ask(3, "first", "Say hello.", 3)).await;
    assert!(within_quota.usage.completion_tokens > 0);
    for generation in [own, borrowing] {
        let answer = collect(generation).await;
        assert_eq!(answer.reason, Some(FinishReason::Length));
        assert_eq!(answer.usage.completion_tokens, 300, "nothing is lost by preemption");
    }
}

pub(super) async fn an_interactive_request_preempts_the_background(factory: Factory<'_>) {
    let engine = factory(config(2, 512));
    let background = |id| {
        let mut request = ask(id, "first", "Write a story.", 300);
        request.class = RequestClass::Background;
        request.ignore_eos = true;
        request
    };
    let mut own = engine.submit(background(1)).await.expect("within its quota");
    let mut borrowing = engine.submit(background(2)).await.expect("on a borrowed slot");
    own.next().await.expect("it runs");
    borrowing.next().await.expect("it runs");
    // Both slots are taken, that of its own agent by a background request.
    let mut long = ask(3, "first", "Write a story.", 200);
    long.ignore_eos = true;
    let mut interactive = engine.submit(long).await.expect("at once");
    interactive.next().await.expect("it runs");
    let second = answer(&engine, ask(4, "second", "Say hello.", 3)).await;
    assert!(second.usage.completion_tokens > 0);
    assert_eq!(collect(interactive).await.usage.completion_tokens, 200);
    for generation in [own, borrowing] {
        let answer = collect(generation).await;
        assert_eq!(answer.usage.completion_tokens, 300, "nothing is lost by preemption");
    }
}

pub(super) async fn a_shared_prefix_is_cached(factory: Factory<'_>) {
    let engine = factory(config(4, 512));
    let requested = ["What is iron?", "Who was Homer?", "Where is Peru?"];
    let first = answer(&engine, ask(1, "first", requested[0], 20)).await;
    let prefix = first.usage.cached_tokens;
    assert!(prefix > 0, "it was computed at the start");
    assert!(prefix < first.usage.prompt_tokens);
    let together = (3..).zip(requested).map(|(id, q)| answer(&engine, ask(id, "first", q, 20)));
    for answer in join_all(together).await {
        assert!(answer.usage.cached_tokens >= prefix);
    }
    let mut cold = config(4, 512);
    cold.prefix_bytes = Bytes::ZERO;
    let computed = answer(&factory(cold), ask(9, "first", requested[0], 20)).await;
    assert_eq!(computed.usage.cached_tokens, 0, "the cache is disabled");
    assert_eq!(computed.text, first.text, "the same, restored or computed");
}

pub(super) async fn slots_can_be_moved_but_not_multiplied(factory: Factory<'_>) {
    let engine = factory(config(4, 256));
    let slots = |of: &[(&str, u32)]| {
        of.iter().map(|(agent, slots)| (AgentName::from(*agent), *slots)).collect::<AgentSlots>()
    };
    engine.reslot(slots(&[("first", 3), ("second", 1)])).await.expect("four in all, as planned");
    let planned: Vec<u32> = engine.status().agents.iter().map(|agent| agent.slots).collect();
    assert_eq!(planned, [3, 1]);
    let many = engine.reslot(slots(&[("second", 2)])).await.expect_err("five in all");
    assert_eq!(many, ReslotError::TooMany { requested: 5, planned: 4 });
    let stranger = engine.reslot(slots(&[("nobody", 1)])).await.expect_err("unknown");
    assert_eq!(stranger, ReslotError::UnknownAgent(AgentName::from("nobody")));
}

pub(super) async fn draining_finishes_what_runs(factory: Factory<'_>) {
    let engine = factory(config(2, 512));
    let running = engine.submit(ask(1, "first", "Write two sentences.", 30)).await.expect("runs");
    let mut hopeless = ask(2, "first", "Write for ever.", 400);
    hopeless.ignore_eos = true;
    let drain = engine.drain(Duration::from_mins(10));
    let rejection = engine.submit(hopeless.clone()).await.expect_err("draining");
    assert_eq!(rejection, Rejection::Draining);
    let answer = collect(running).await;
    assert_ne!(answer.reason, Some(FinishReason::Cancelled));
    let drained = drain.await;
    assert_eq!((drained.finished, drained.cancelled), (1, 0));
    assert_eq!(engine.status().health, Health::Stopped);

    let engine = factory(config(2, 512));
    let running = engine.submit(hopeless).await.expect("runs");
    let drained = engine.drain(Duration::ZERO).await;
    assert_eq!((drained.finished, drained.cancelled), (0, 1));
    assert_eq!(collect(running).await.reason, Some(FinishReason::Cancelled));
}

pub(super) async fn many_requests_end_once_each(factory: Factory<'_>) {
    let engine = factory(config(4, 256));
    let ids = 0..60u64;
    let requested = ids.map(|id| {
        let agent = if id.is_multiple_of(3) { "first" } else { "second" };
        let tokens = u32::try_from(1 + id % 7).unwrap_or(1);
        let mut request = ask(id, agent, &format!("Question {id}: why?"), tokens);
        request.ignore_eos = true;
        let engine = Arc::clone(&engine);
        async move { (tokens, answer(&engine, request).await) }
    });
    for (tokens, answer) in join_all(requested).await {
        assert_eq!(answer.usage.completion_tokens, tokens);
    }
    idle(&engine).await;
}

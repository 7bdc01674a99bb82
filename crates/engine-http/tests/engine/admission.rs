//! Admission: order, quotas, drain, the engine's end, and what is published.

use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::{AgentSlots, Engine, Health, ReslotError};
use harmonic_events::{Outcome, TeamEvent};
use harmonic_types::{AgentName, FinishReason, Format, Rejection, RemoteDialect, Request};

use crate::scripted_server::{Received, ScriptedServer};
use crate::setup::{ask, background, config, engine, listen, published, start, submit, until};

const OPENAI: RemoteDialect = RemoteDialect::OpenAi;

#[tokio::test]
async fn a_flood_never_delays_the_executive_by_more_than_one_answer() {
    for sequences in [1, 2, 4] {
        let mut server = ScriptedServer::start().await;
        let engine = engine(&server.url, OPENAI, sequences);
        let flood: Vec<_> = (0..40).map(|id| submit(&engine, ask(id, "coder"))).collect();
        // All that may run for the coder: one slot of several is kept for others.
        let mut running: Vec<Received> = Vec::new();
        for _ in 0..sequences.saturating_sub(1).max(1) {
            running.push(server.next().await);
        }
        let mut left = 40 - running.len();
        for executive in 40..45 {
            let answer = submit(&engine, ask(executive, "executive"));
            if sequences == 1 {
                until(&engine, "executive", 0, 1).await;
                running.remove(0).answer("coder").await;
            }
            let next = server.next().await;
            assert_eq!(next.model(), "executive", "the next request of all");
            next.answer("executive").await;
            assert_eq!(answer.await.expect("an answer").text, "executive");
            if sequences == 1 {
                running.push(server.next().await);
                left -= 1;
            }
        }
        while let Some(received) = running.pop() {
            assert_eq!(received.model(), "coder");
            received.answer("coder").await;
            if left > 0 {
                running.push(server.next().await);
                left -= 1;
            }
        }
        for answer in flood {
            assert_eq!(answer.await.expect("an answer").text, "coder");
        }
        assert!(server.arrived().is_none());
    }
}

#[tokio::test]
async fn an_executive_beyond_its_quota_comes_before_a_coder_beyond_its_own() {
    let mut server = ScriptedServer::start().await;
    // One slot belongs to nobody.
    let mut config = config(&server.url, OPENAI, 3);
    config.agents[1].slots = 1;
    let engine = start(config);
    let mut answers: Vec<_> = (0..20).map(|id| submit(&engine, ask(id, "coder"))).collect();
    let (coder, _second) = (server.next().await, server.next().await);
    until(&engine, "coder", 2, 18).await;
    answers.push(submit(&engine, ask(20, "executive")));
    let executive = server.next().await;
    answers.push(submit(&engine, ask(21, "executive")));
    until(&engine, "executive", 1, 1).await;
    coder.answer("done").await;
    let next = server.next().await;
    assert_eq!((executive.model(), next.model()), ("executive", "executive"));
}

#[tokio::test]
async fn no_more_is_sent_at_once_than_the_server_has_slots() {
    let mut server = ScriptedServer::start().await;
    let engine = engine(&server.url, OPENAI, 3);
    let answers: Vec<_> = (0..30)
        .map(|id| {
            let agent = if id % 2 == 0 { "executive" } else { "coder" };
            submit(&engine, ask(id, agent))
        })
        .collect();
    let mut running = Vec::new();
    for _ in 0..3 {
        running.push(server.next().await);
    }
    for _ in 3..30 {
        assert!(server.arrived().is_none(), "three are running");
        running.remove(0).answer("done").await;
        running.push(server.next().await);
        let in_flight: u32 = engine.status().agents.iter().map(|agent| agent.in_flight).sum();
        assert!(in_flight <= 3);
    }
    for received in running {
        received.answer("done").await;
    }
    for answer in answers {
        assert_eq!(answer.await.expect("an answer").text, "done");
    }
    until(&engine, "coder", 0, 0).await;
    until(&engine, "executive", 0, 0).await;
}

#[tokio::test]
async fn a_full_queue_an_unknown_agent_and_a_lacking_field_are_refused_at_once() {
    let server = ScriptedServer::start().await;
    let mut config = config(&server.url, OPENAI, 1);
    config.queue_limit = 2;
    let engine = start(config);
    let waiting: Vec<_> = (0..3).map(|id| submit(&engine, ask(id, "coder"))).collect();
    until(&engine, "coder", 1, 2).await;
    let full = engine.submit(ask(3, "coder")).await;
    assert!(matches!(full, Err(Rejection::QueueFull { queued: 2, .. })), "{full:?}");
    let stranger = engine.submit(ask(4, "plumber")).await;
    assert!(matches!(stranger, Err(Rejection::UnknownAgent { .. })), "{stranger:?}");
    let regex = Some(Format::Regex("[0-9]+".to_owned()));
    let formed = Request { format: regex, ..ask(5, "coder") };
    let checked = engine.check(&formed).expect_err("refused");
    assert!(checked.to_string().contains("`regex`"), "{checked}");
    let submitted = engine.submit(formed).await.expect_err("refused");
    assert_eq!(submitted, checked);
    drop(waiting);
}

#[tokio::test]
async fn a_drain_finishes_what_is_open_and_cancels_it_at_its_end() {
    let mut server = ScriptedServer::start().await;
    let engine = engine(&server.url, OPENAI, 1);
    let answers = [submit(&engine, ask(1, "coder")), submit(&engine, ask(2, "coder"))];
    let received = server.next().await;
    until(&engine, "coder", 1, 1).await;
    let drain = {
        let engine = Arc::clone(&engine);
        background(async move { engine.drain(Duration::from_mins(10)).await })
    };
    while engine.status().health != Health::Draining {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(engine.submit(ask(3, "coder")).await.expect_err("draining"), Rejection::Draining);
    received.answer("one").await;
    server.next().await.answer("two").await;
    for (answer, text) in answers.into_iter().zip(["one", "two"]) {
        assert_eq!(answer.await.expect("an answer").text, text);
    }
    let drained = drain.await.expect("drained");
    assert_eq!((drained.finished, drained.cancelled), (2, 0));
    assert_eq!((engine.ended().await, engine.status().health), (Health::Stopped, Health::Stopped));

    let engine = crate::setup::engine(&server.url, OPENAI, 1);
    let running = submit(&engine, ask(1, "coder"));
    let received = server.next().await;
    let drained = engine.drain(Duration::ZERO).await;
    assert_eq!((drained.finished, drained.cancelled), (0, 1));
    received.closed().await;
    let end = running.await.expect("an answer").end;
    assert_eq!(end.map(|(reason, _)| reason), Some(FinishReason::Cancelled));
}

#[tokio::test]
async fn a_dead_server_fails_its_requests_and_ends_the_engine() {
    let mut server = ScriptedServer::start().await;
    let engine = engine(&server.url, OPENAI, 1);
    let running = submit(&engine, ask(1, "coder"));
    let mut received = server.next().await;
    received.open().await;
    let queued = {
        let engine = Arc::clone(&engine);
        background(async move { engine.submit(ask(2, "coder")).await.map(drop) })
    };
    until(&engine, "coder", 1, 1).await;
    let ended = engine.ended();
    engine.end(Health::Died { message: "killed by signal 9".to_owned() });
    let failure = running.await.expect("an answer").failure.expect("it failed");
    assert!(failure.contains("killed by signal 9"), "{failure}");
    for refused in [queued.await.expect("a reply"), engine.submit(ask(3, "coder")).await.map(drop)]
    {
        let Err(Rejection::EngineDied { message, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(message, "killed by signal 9");
    }
    received.closed().await;
    let died = Health::Died { message: "killed by signal 9".to_owned() };
    assert_eq!((ended.await, engine.status().health), (died.clone(), died));
    until(&engine, "coder", 0, 0).await;
}

#[tokio::test]
async fn slots_can_be_moved_but_not_multiplied() {
    let server = ScriptedServer::start().await;
    let engine = engine(&server.url, OPENAI, 4);
    let slots = |of: &[(&str, u32)]| {
        of.iter().map(|(agent, slots)| (AgentName::from(*agent), *slots)).collect::<AgentSlots>()
    };
    engine.reslot(slots(&[("executive", 3), ("coder", 1)])).await.expect("four in all");
    let planned: Vec<u32> = engine.status().agents.iter().map(|agent| agent.slots).collect();
    assert_eq!(planned, [3, 1]);
    let many = engine.reslot(slots(&[("coder", 2)])).await.expect_err("five in all");
    assert_eq!(many, ReslotError::TooMany { requested: 5, planned: 4 });
    let stranger = engine.reslot(slots(&[("nobody", 1)])).await.expect_err("unknown");
    assert_eq!(stranger, ReslotError::UnknownAgent(AgentName::from("nobody")));
}

#[tokio::test]
async fn what_happens_to_a_request_is_published_in_order() {
    let mut server = ScriptedServer::start().await;
    let config = config(&server.url, OPENAI, 1);
    let mut listener = listen(&config.events);
    let engine = start(config);
    let answer = submit(&engine, ask(5, "coder"));
    server.next().await.answer("done").await;
    answer.await.expect("an answer");
    engine.drain(Duration::ZERO).await;
    let mut seen: Vec<&str> = Vec::new();
    for event in published(&mut listener) {
        match event {
            TeamEvent::SlotsChanged { .. } => seen.push("slots"),
            TeamEvent::RequestQueued { agent, .. } => {
                assert_eq!(agent, AgentName::from("coder"));
                seen.push("queued");
            }
            TeamEvent::RequestAdmitted { slot: 0, .. } => seen.push("admitted"),
            TeamEvent::FirstToken { .. } => seen.push("first"),
            TeamEvent::RequestFinished { outcome, usage, .. } => {
                assert_eq!(outcome, Outcome::Stop);
                assert_eq!(usage.map(|usage| usage.completion_tokens), Some(3));
                seen.push("finished");
            }
            TeamEvent::Step(step) => {
                let tokens: u32 = step.agents.iter().map(|agent| agent.output_tokens).sum();
                assert_eq!(tokens, 3, "as many as the server counted");
                seen.push("step");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, ["slots", "queued", "admitted", "first", "finished", "step"]);
}

//! The engine for embeddings over the simulated encoder: batches, limits, cancellation, drain,
//! events, and a device shared with an engine that generates text.

mod cost_models;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use harmonic_engine::sim::{self, spawn_embedder};
use harmonic_engine::{
    DeviceHandle, Embedder, Engine, Health, Identity, LocalConfig, ServedAgent, SharedDevice,
    Vectors,
};
use harmonic_events::{Delivery, EventStream, Outcome, TeamEvent};
use harmonic_types::{
    AgentName, AgentSpec, Bytes, EmbeddingInput, EmbeddingRequest, Event, FinishReason, KvLayout,
    Message, Rejection, Request, RequestId, Role, Sampling, Tier, Tokens,
};

const CONTEXT: Tokens = Tokens(64);
const WIDTH: u32 = 32;

fn config(name: &str, sequences: u32, context: Tokens) -> LocalConfig {
    let spec = AgentSpec {
        name: AgentName::from(name),
        tier: Tier::Specialists,
        model: "sim".to_owned(),
        context,
        min_context: None,
        role: String::new(),
        system: String::new(),
        sampling: Sampling::default(),
        thinking: false,
    };
    LocalConfig {
        id: name.to_owned(),
        model: "sim".to_owned(),
        kind: "sim".to_owned(),
        identity: Identity::default(),
        agents: vec![ServedAgent { spec, slots: 2, context, larger: None }],
        threads: 1,
        sequences,
        kv_tokens: 2 * u64::from(context.0),
        max_in_flight: 4,
        quota_total: 2,
        unowned: 0,
        device: None,
        kv_layout: KvLayout::Streams,
        token_bytes: Bytes(1 << 10),
        prefix_bytes: Bytes(1 << 20),
        preempted_bytes: Bytes(1 << 30),
        queue_limit: 8,
        form_trial: None,
        events: EventStream::default(),
    }
}

/// An engine whose batches take `step`.
fn engine(config: LocalConfig, step: Duration) -> Embedder {
    let mut costs = cost_models::fast();
    costs.machine.overhead = step;
    spawn_embedder(config, costs, WIDTH).expect("a simulated engine starts")
}

fn quick() -> Embedder {
    engine(config("search", 16, CONTEXT), Duration::from_micros(100))
}

fn request(id: u64, inputs: Vec<EmbeddingInput>) -> EmbeddingRequest {
    EmbeddingRequest {
        id: RequestId(id),
        client: "".into(),
        agent: "search".into(),
        inputs,
        truncate: false,
    }
}

fn texts(texts: &[&str]) -> Vec<EmbeddingInput> {
    texts.iter().map(|text| EmbeddingInput::Text((*text).to_owned())).collect()
}

async fn embed(engine: &Embedder, request: EmbeddingRequest) -> Result<(Vectors, u32), Rejection> {
    let run = engine.embed(request).await?;
    let tokens = run.admitted().prompt_tokens;
    Ok((run.vectors().await.expect("the engine lives"), tokens))
}

#[tokio::test]
async fn a_vector_depends_on_its_own_input_alone() {
    let engine = quick();
    let (alone, tokens) = embed(&engine, request(1, texts(&["a cat"]))).await.expect("computed");
    assert_eq!((alone[0].len(), tokens), (32, 5));
    let many: Vec<String> = (0..100).map(|number| format!("text {number}")).collect();
    let others =
        many.iter().map(|text| request(2, texts(&[text.as_str(), "a cat", text.as_str()])));
    let all = join_all(others.take(7).map(|other| embed(&engine, other))).await;
    for answer in all {
        assert_eq!(answer.expect("computed").0[1], alone[0]);
    }
    let ids = "a cat".bytes().map(u32::from).collect();
    let of_ids = embed(&engine, request(3, vec![EmbeddingInput::Tokens(ids)])).await;
    assert_eq!(of_ids.expect("computed").0, alone);
}

#[tokio::test]
async fn an_input_beyond_the_context_is_refused_or_cut() {
    let engine = quick();
    let long = "x".repeat(65);
    let refused = embed(&engine, request(1, texts(&["short", &long]))).await;
    let expected = Rejection::InputTooLong {
        agent: "search".into(),
        index: 1,
        tokens: Tokens(65),
        context: CONTEXT,
    };
    assert_eq!(refused, Err(expected));
    let cut = EmbeddingRequest { truncate: true, ..request(2, texts(&[&long])) };
    let (cut, tokens) = embed(&engine, cut).await.expect("computed");
    let (whole, _) = embed(&engine, request(3, texts(&[&long[1..]]))).await.expect("computed");
    assert_eq!((cut, tokens), (whole, 64));
}

#[tokio::test]
async fn inputs_that_cannot_be_computed_are_refused_by_name() {
    let engine = quick();
    for (inputs, expected) in [
        (vec![EmbeddingInput::Tokens(vec![1, 257])], "invalid token id `257` in input 0"),
        (vec![EmbeddingInput::Tokens(vec![u32::MAX])], "invalid token id `4294967295`"),
        (texts(&["a", ""]), "input 1 is empty"),
        (vec![EmbeddingInput::Text("x".repeat(60)); 5001], "more than 300000 tokens in all"),
    ] {
        let refused = embed(&engine, request(1, inputs)).await.expect_err("refused").to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    let stranger = EmbeddingRequest { agent: "nobody".into(), ..request(2, texts(&["a"])) };
    let refused = embed(&engine, stranger).await.expect_err("refused");
    assert!(matches!(refused, Rejection::UnknownAgent { .. }), "{refused}");
    let chat = Request::new(RequestId(3), "search".into(), Vec::new());
    let refused = engine.submit(chat).await.expect_err("it generates no text").to_string();
    assert!(refused.contains("generates no text"), "{refused}");
    let capabilities = engine.capabilities();
    assert!(capabilities.embeddings && !capabilities.generation);
}

#[tokio::test]
async fn requests_wait_for_a_slot_and_for_a_place_in_the_queue() {
    // A batch takes longer than the test looks.
    let engine = engine(config("search", 1, CONTEXT), Duration::from_millis(200));
    let running = engine.embed(request(0, texts(&["a"; 64]))).await.expect("the only slot");
    let mut waiting: Vec<_> =
        (1..=9).map(|id| Box::pin(engine.embed(request(id, texts(&["b"]))))).collect();
    let refused = tokio::time::timeout(Duration::from_secs(30), async {
        let polled = futures::future::select_all(&mut waiting).await;
        polled.0.expect_err("the queue has eight places")
    });
    let refused = refused.await.expect("refused in time");
    assert!(matches!(refused, Rejection::QueueFull { .. }), "{refused}");
    drop(waiting);
    drop(running);
    // All are cancelled, and the slot is free.
    let (vectors, _) = embed(&engine, request(10, texts(&["c"]))).await.expect("computed");
    assert_eq!(vectors.len(), 1);
    let load = &engine.status().agents[0];
    assert_eq!((load.in_flight, load.queued), (0, 0));
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_refuses_the_rest() {
    let engine = engine(config("search", 16, CONTEXT), Duration::from_millis(5));
    let run = engine.embed(request(1, texts(&["a"; 40]))).await.expect("admitted");
    let drained = engine.drain(Duration::from_secs(30));
    let late = engine.embed(request(2, texts(&["a"]))).await;
    assert_eq!(late.expect_err("it drains"), Rejection::Draining);
    assert_eq!(run.vectors().await.expect("finished").len(), 40);
    assert_eq!(drained.await.finished, 1);
    assert_eq!(engine.ended().await, Health::Stopped);
}

#[tokio::test]
async fn a_drain_without_grace_cuts_off() {
    let engine = engine(config("search", 1, CONTEXT), Duration::from_millis(50));
    let run = engine.embed(request(1, texts(&["a"; 64]))).await.expect("admitted");
    let drained = engine.drain(Duration::ZERO).await;
    assert_eq!((drained.finished, drained.cancelled), (0, 1));
    assert_eq!(run.vectors().await, Err(None));
}

#[tokio::test]
async fn every_request_is_published_from_its_queue_to_its_end() {
    let events = EventStream::default();
    let mut listener = events.listen(None).expect("the first");
    assert!(matches!(listener.take(), Some(Delivery::Snapshot(_))));
    let config = LocalConfig { events: events.clone(), ..config("search", 16, CONTEXT) };
    let engine = engine(config, Duration::from_micros(100));
    embed(&engine, request(7, texts(&["ab", "abc"]))).await.expect("computed");
    engine.drain(Duration::ZERO).await;
    let (mut seen, mut prefilled) = (Vec::new(), 0);
    while let Some(delivery) = listener.take() {
        let Delivery::Events(records) = delivery else { continue };
        for record in &records {
            match &record.event {
                TeamEvent::RequestFinished { outcome, usage, .. } => {
                    assert_eq!(*outcome, Outcome::Stop);
                    assert_eq!(usage.expect("counted").prompt_tokens, 5);
                }
                TeamEvent::Step(step) => prefilled += step.agents[0].prefill_tokens,
                _ => {}
            }
            seen.push(record.event.name());
        }
    }
    let expected = [
        "slots_changed",
        "request_queued",
        "request_admitted",
        "prefill_started",
        "request_finished",
        "step",
    ];
    assert_eq!(seen, expected);
    assert_eq!(prefilled, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_for_embeddings_shares_the_device_and_takes_no_place() {
    let device = SharedDevice::new(2, [Some(2), None]);
    let with_device = |mut config: LocalConfig, device: DeviceHandle| {
        config.device = Some(device);
        config.max_in_flight = 2;
        // Nothing can be preempted.
        config.preempted_bytes = Bytes::ZERO;
        config
    };
    let mut writer = config("writer", 2, Tokens(1024));
    writer.agents[0].spec.tier = Tier::Executive;
    let mut unhurried = cost_models::fast();
    unhurried.machine.overhead = Duration::from_millis(1);
    let writer = sim::spawn(with_device(writer, device.handle(0)), unhurried).expect("starts");
    let writer: Arc<dyn Engine> = Arc::new(writer);
    let search = with_device(config("search", 16, CONTEXT), device.handle(1));
    let search = engine(search, Duration::from_millis(1));
    let ask = |id| {
        let messages = vec![Message::new(Role::User, format!("question {id}"))];
        let mut request = Request::new(RequestId(id), "writer".into(), messages);
        (request.ignore_eos, request.max_tokens) = (true, Some(Tokens(200)));
        writer.submit(request)
    };
    let first = ask(1).await.expect("within its quota");
    let second = ask(2).await.expect("within its quota, too");
    let (vectors, _) = embed(&search, request(3, texts(&["a", "b"]))).await.expect("computed");
    assert_eq!(vectors.len(), 2);
    for generation in [first, second] {
        let events: Vec<Event> = generation.collect().await;
        let Some(Event::Finished { reason, usage }) = events.last() else { panic!("{events:?}") };
        assert_eq!((*reason, usage.completion_tokens), (FinishReason::Length, 200));
    }
}

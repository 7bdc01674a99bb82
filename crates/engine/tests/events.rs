//! What an engine publishes: of each request its whole way in order, and counts that add up.

mod cost_models;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use harmonic_engine::{Engine, Identity, Local, LocalConfig, ServedAgent, sim};
use harmonic_events::{
    Delivery, EngineState, EventRecord, EventStream, Listener, Outcome, Phase, Snapshot, TeamEvent,
};
use harmonic_types::{
    AgentName, AgentSpec, Bytes, Event, KvLayout, Message, Request, RequestId, Role, Sampling,
    Tier, Tokens,
};

const CONTEXT: Tokens = Tokens(1024);
const ENGINE: &str = "e0";

fn agent(name: &str, tier: Tier, slots: u32) -> ServedAgent {
    let spec = AgentSpec {
        name: AgentName::from(name),
        tier,
        model: "sim".to_owned(),
        context: CONTEXT,
        min_context: None,
        role: String::new(),
        system: String::new(),
        sampling: Sampling::default(),
        thinking: false,
    };
    ServedAgent { spec, slots, context: CONTEXT, larger: None }
}

/// Two agents on three sequences, of which the second agent has one and may borrow the others.
fn engine(events: &EventStream) -> Local {
    let config = LocalConfig {
        id: ENGINE.to_owned(),
        model: "sim".to_owned(),
        kind: "sim".to_owned(),
        identity: Identity::default(),
        agents: vec![agent("executive", Tier::Executive, 2), agent("heavy", Tier::Heavy, 1)],
        threads: 1,
        sequences: 3,
        kv_tokens: 3 * u64::from(CONTEXT.0),
        max_in_flight: 3,
        quota_total: 3,
        unowned: 0,
        device: None,
        kv_layout: KvLayout::Streams,
        token_bytes: Bytes(1 << 10),
        prefix_bytes: Bytes(1 << 20),
        preempted_bytes: Bytes(1 << 30),
        queue_limit: 256,
        form_trial: None,
        events: events.clone(),
    };
    // A step takes a millisecond at least, so that answers are still written when others come.
    let mut unhurried = cost_models::fast();
    unhurried.machine.overhead = Duration::from_millis(1);
    events.publish(TeamEvent::EngineStarting {
        engine: ENGINE.to_owned(),
        model: "sim".to_owned(),
        sequences: 3,
        agents: Vec::new(),
    });
    let engine = sim::spawn(config, unhurried).expect("a simulated engine starts");
    events.publish(TeamEvent::EngineReady { engine: ENGINE.to_owned(), took_ms: 1 });
    let state = events.snapshot();
    let quotas = state.engines[0].agents.iter().map(|agent| agent.quota);
    assert_eq!(quotas.collect::<Vec<_>>(), [Some(2), Some(1)]);
    engine
}

fn ask(id: u64, agent: &str, tokens: u32) -> Request {
    let messages = vec![Message::new(Role::User, format!("question {id}"))];
    let mut request = Request::new(RequestId(id), AgentName::from(agent), messages);
    request.ignore_eos = true;
    request.max_tokens = Some(Tokens(tokens));
    request
}

/// A listener from now on, with the state now.
fn listen(events: &EventStream) -> (Listener, Snapshot) {
    let mut listener = events.listen(None).expect("room for one");
    let Some(Delivery::Snapshot(snapshot)) = listener.take() else { panic!("a snapshot") };
    (listener, (**snapshot).clone())
}

/// What has come since.
fn taken(listener: &mut Listener) -> Vec<EventRecord> {
    let mut records = Vec::new();
    while let Some(delivery) = listener.take() {
        let Delivery::Events(more) = delivery else { panic!("{delivery:?}") };
        records.extend(more.iter().map(|record| EventRecord::clone(record)));
    }
    records
}

/// The events of each request, in order, by name.
fn ways(records: &[EventRecord]) -> BTreeMap<u64, Vec<&'static str>> {
    let mut ways: BTreeMap<u64, Vec<&'static str>> = BTreeMap::new();
    for record in records {
        let (TeamEvent::RequestQueued { request, .. }
        | TeamEvent::RequestAdmitted { request, .. }
        | TeamEvent::PrefillStarted { request, .. }
        | TeamEvent::FirstToken { request, .. }
        | TeamEvent::RequestPreempted { request, .. }
        | TeamEvent::RequestResumed { request, .. }
        | TeamEvent::RequestMoved { request, .. }
        | TeamEvent::RequestFinished { request, .. }) = &record.event
        else {
            continue;
        };
        ways.entry(request.0).or_default().push(record.event.name());
    }
    ways
}

async fn collect(generation: harmonic_engine::Generation) -> Vec<Event> {
    generation.collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_published_from_its_offer_to_its_end() {
    let events = EventStream::default();
    let engine = engine(&events);
    let (mut listener, snapshot) = listen(&events);
    let answers = (10..30).map(|id| engine.submit(ask(id, "executive", 8)));
    join_all(answers.map(async |answer| collect(answer.await.expect("granted")).await)).await;
    engine.drain(Duration::from_mins(1)).await;
    let records = taken(&mut listener);
    assert_eq!(snapshot.engines[0].state, EngineState::Ready);
    let ways = ways(&records);
    assert_eq!(ways.keys().copied().collect::<Vec<_>>(), (10..30).collect::<Vec<_>>());
    for (id, way) in &ways {
        let without_moves: Vec<_> = way.iter().filter(|name| **name != "request_moved").collect();
        let whole = [
            &"request_queued",
            &"request_admitted",
            &"prefill_started",
            &"first_token",
            &"request_finished",
        ];
        assert_eq!(without_moves, whole, "{id}");
    }
    let (mut counted, mut reported) = (0, 0);
    for record in &records {
        match &record.event {
            TeamEvent::Step(step) => {
                assert!(step.steps > 0 && step.busy_us <= step.window_us, "{step:?}");
                reported += step.output_tokens();
            }
            TeamEvent::RequestFinished { outcome, usage, .. } => {
                assert_eq!(*outcome, Outcome::Length);
                counted += u64::from(usage.expect("counts").completion_tokens);
            }
            _ => {}
        }
    }
    assert_eq!((counted, reported), (160, 160), "step records and usage count the same tokens");
    assert!(events.snapshot().engines[0].requests.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_borrower_is_published_as_preempted_and_resumed_where_it_goes_on() {
    let events = EventStream::default();
    let engine = engine(&events);
    let (mut listener, mut state) = listen(&events);
    let mut borrowers = Vec::new();
    for id in 1..=3 {
        let mut running = engine.submit(ask(id, "heavy", 400)).await.expect("granted");
        running.next().await.expect("it runs");
        borrowers.push(running);
    }
    let heavy = AgentName::from("heavy");
    let counts = events.snapshot().engines[0].counts(&heavy);
    assert_eq!((counts.in_flight, counts.borrowed), (3, 2));
    let mut answers = Vec::new();
    for id in 4..=5 {
        answers.push(engine.submit(ask(id, "executive", 5)).await.expect("within its quota"));
    }
    join_all(answers.into_iter().chain(borrowers).map(collect)).await;
    engine.drain(Duration::from_mins(1)).await;
    let records = taken(&mut listener);
    let ways = ways(&records);
    let preempted = |way: &&Vec<&str>| way.contains(&"request_preempted");
    assert!(ways.values().filter(preempted).count() >= 1, "{ways:?}");
    for (id, way) in &ways {
        let count = |name| way.iter().filter(|other| **other == name).count();
        assert_eq!(count("request_preempted"), count("request_resumed"), "{id}: {way:?}");
        assert_eq!(way.last(), Some(&"request_finished"), "{id}: {way:?}");
    }
    // At no time do two requests have one slot, or more run than there are sequences.
    for record in &records {
        state.apply(record);
        let Some(engine) = state.engines.first() else { continue };
        let mut slots: Vec<u32> = engine.requests.iter().filter_map(|one| one.slot).collect();
        let running = slots.len();
        slots.sort_unstable();
        slots.dedup();
        assert!(slots.len() <= 3, "{slots:?}");
        if matches!(record.event, TeamEvent::PrefillStarted { .. } | TeamEvent::Step(_)) {
            assert_eq!(slots.len(), running, "a slot is one request's at a step");
        }
        for request in &engine.requests {
            let waits = matches!(request.phase, Phase::Queued | Phase::Preempted);
            assert_eq!(request.slot.is_none(), waits, "{request:?}");
        }
    }
    assert_eq!(state, **events.snapshot());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_is_published_as_cancelled_in_the_queue_and_in_a_slot() {
    let events = EventStream::default();
    let engine = engine(&events);
    let (mut listener, _) = listen(&events);
    let mut running = Vec::new();
    for id in 1..=3 {
        running.push(engine.submit(ask(id, "executive", 900)).await.expect("granted"));
    }
    let queued = engine.submit(ask(4, "executive", 900));
    let waiting = async {
        while events.snapshot().engines[0].counts(&AgentName::from("executive")).queued == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        _ = queued => panic!("all sequences are taken"),
        () = waiting => {}
    }
    drop(running);
    engine.drain(Duration::from_mins(1)).await;
    let records = taken(&mut listener);
    let ended = records.iter().filter_map(|record| match &record.event {
        TeamEvent::RequestFinished { request, outcome, .. } => Some((request.0, *outcome)),
        _ => None,
    });
    let ended: BTreeMap<u64, Outcome> = ended.collect();
    assert_eq!(ended, (1..=4).map(|id| (id, Outcome::Cancelled)).collect());
}

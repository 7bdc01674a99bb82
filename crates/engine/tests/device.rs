//! Two engines on one device: one cap, and preemption of a slot borrowed across engines.

mod cost_models;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use harmonic_engine::sim;
use harmonic_engine::{DeviceHandle, Engine, Identity, LocalConfig, ServedAgent, SharedDevice};
use harmonic_events::EventStream;
use harmonic_types::{
    AgentName, AgentSpec, Bytes, Event, FinishReason, KvLayout, Message, Request, RequestId, Role,
    Sampling, Tier, Tokens,
};

fn engine(name: &str, tier: Tier, device: DeviceHandle) -> Arc<dyn Engine> {
    let context = Tokens(1024);
    let spec = AgentSpec {
        name: AgentName::from(name),
        tier,
        model: "sim".to_owned(),
        context,
        min_context: None,
        role: String::new(),
        system: String::new(),
        sampling: Sampling::default(),
        thinking: false,
    };
    let config = LocalConfig {
        id: name.to_owned(),
        model: "sim".to_owned(),
        kind: "sim".to_owned(),
        identity: Identity::default(),
        agents: vec![ServedAgent { spec, slots: 2, context, larger: None }],
        threads: 1,
        sequences: 2,
        kv_tokens: 2048,
        max_in_flight: 2,
        quota_total: 1,
        unowned: 0,
        device: Some(device),
        kv_layout: KvLayout::Streams,
        token_bytes: Bytes(1 << 10),
        prefix_bytes: Bytes(1 << 20),
        preempted_bytes: Bytes(1 << 30),
        queue_limit: 256,
        form_trial: None,
        events: EventStream::default(),
    };
    // With at least a millisecond per step, 900 steps outlast delays of the test thread.
    let mut unhurried = cost_models::fast();
    unhurried.machine.overhead = Duration::from_millis(1);
    Arc::new(sim::spawn(config, unhurried).expect("a simulated engine starts"))
}

fn ask(id: u64, agent: &str, tokens: u32) -> Request {
    let messages = vec![Message::new(Role::User, format!("question {id}"))];
    let mut request = Request::new(RequestId(id), AgentName::from(agent), messages);
    request.ignore_eos = true;
    request.max_tokens = Some(Tokens(tokens));
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_borrowed_by_another_engine_is_given_back() {
    let device = SharedDevice::new(2, [1, 1].map(Some));
    let heavy = engine("heavy", Tier::Heavy, device.handle(0));
    let executive = engine("executive", Tier::Executive, device.handle(1));
    let mut first = heavy.submit(ask(1, "heavy", 900)).await.expect("within its quota");
    let mut second = heavy.submit(ask(2, "heavy", 900)).await.expect("on a borrowed slot");
    first.next().await.expect("it runs");
    second.next().await.expect("it runs");
    let answer = executive.submit(ask(3, "executive", 5)).await.expect("within its quota");
    let answer: Vec<Event> = answer.collect().await;
    assert!(matches!(answer.last(), Some(Event::Finished { .. })));
    let load = heavy.status().agents.remove(0);
    assert!(load.in_flight + load.preempted > 0, "it continues after the executive: {load:?}");
    for generation in [first, second] {
        let events: Vec<Event> = generation.collect().await;
        let Some(Event::Finished { reason, usage }) = events.last() else { panic!("{events:?}") };
        assert_eq!((*reason, usage.completion_tokens), (FinishReason::Length, 900));
    }
}

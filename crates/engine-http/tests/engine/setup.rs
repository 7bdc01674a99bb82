//! Engines and requests of the tests.

use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::{Capabilities, Engine, Forms, Generation, Identity};
use harmonic_engine_http::{Endpoint, HttpAgent, HttpEngine, HttpEngineConfig, spawn};
use harmonic_events::{Delivery, EventStream, Listener, TeamEvent};
use harmonic_types::{
    AgentName, AgentSpec, EngineKind, Event, FinishReason, Message, RemoteDialect, Request,
    RequestId, Role, Sampling, Tier, Tokens, Usage,
};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Agent with a model of its own name on the server.
pub fn agent(name: &str, tier: Tier, slots: u32) -> HttpAgent {
    HttpAgent {
        spec: AgentSpec {
            name: AgentName::from(name),
            tier,
            model: "base".to_owned(),
            context: Tokens(2048),
            min_context: None,
            role: "answers".to_owned(),
            system: "Answer.".to_owned(),
            sampling: Sampling::default(),
            thinking: false,
        },
        slots,
        context: Tokens(2048),
        model: name.to_owned(),
    }
}

/// Engine of `sequences` slots, one of them of an executive, the others of a coder.
pub fn config(url: &str, dialect: RemoteDialect, sequences: u32) -> HttpEngineConfig {
    let kind = match dialect {
        RemoteDialect::OpenAi => EngineKind::LlamaServer,
        RemoteDialect::Ollama => EngineKind::Ollama,
    };
    HttpEngineConfig {
        id: "e0".to_owned(),
        model: "base".to_owned(),
        kind,
        identity: Identity::default(),
        agents: vec![
            agent("executive", Tier::Executive, 1),
            agent("coder", Tier::Specialists, sequences.saturating_sub(1).max(1)),
        ],
        sequences,
        queue_limit: 256,
        max_in_flight: 64,
        events: EventStream::default(),
        endpoint: Endpoint { url: url.to_owned(), dialect, key: None, sends_system: true },
        capabilities: Capabilities {
            logprobs: true,
            forms: Forms { json_object: true, json_schema: true, grammar: false, regex: false },
            tools: true,
            ignore_eos: true,
            own_system_turn: true,
            ..Capabilities::TEXT
        },
        connect_timeout: Duration::from_secs(10),
        idle_timeout: None,
    }
}

pub fn start(config: HttpEngineConfig) -> Arc<HttpEngine> {
    Arc::new(spawn(config, &Handle::current()).expect("an engine"))
}

pub fn engine(url: &str, dialect: RemoteDialect, sequences: u32) -> Arc<HttpEngine> {
    start(config(url, dialect, sequences))
}

pub fn ask(id: u64, agent: &str) -> Request {
    let messages = vec![Message::new(Role::User, "hi")];
    Request::new(RequestId(id), AgentName::from(agent), messages)
}

/// Task that runs until it ends or the test does.
pub fn background<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    TaskTracker::new().spawn(task)
}

/// Answer to a request, submitted by a task of its own.
pub fn submit(engine: &Arc<HttpEngine>, request: Request) -> JoinHandle<Answer> {
    let engine = Arc::clone(engine);
    background(async move { collect(engine.submit(request).await.expect("admitted")).await })
}

/// A collected answer.
#[derive(Debug, Default)]
pub struct Answer {
    pub events: Vec<Event>,
    pub text: String,
    pub end: Option<(FinishReason, Usage)>,
    pub failure: Option<String>,
}

pub async fn collect(mut generation: Generation) -> Answer {
    let mut answer = Answer::default();
    while let Some(event) = generation.next().await {
        assert!(answer.end.is_none() && answer.failure.is_none(), "nothing follows: {event:?}");
        match &event {
            Event::Text { text, .. } => answer.text += text,
            Event::Finished { reason, usage } => answer.end = Some((*reason, *usage)),
            Event::Failed { message } => answer.failure = Some(message.clone()),
            _ => {}
        }
        answer.events.push(event);
    }
    assert!(answer.end.is_some() || answer.failure.is_some(), "every generation has an end");
    answer
}

/// Waits until the engine has as many requests of `agent` in flight and queued.
pub async fn until(engine: &HttpEngine, agent: &str, in_flight: u32, queued: u32) {
    loop {
        let status = engine.status();
        let found = status.agents.iter().find(|of| of.agent.0 == agent).expect("an agent");
        if (found.in_flight, found.queued) == (in_flight, queued) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Listener of all events from now on.
pub fn listen(events: &EventStream) -> Listener {
    let mut listener = events.listen(None).expect("room for one");
    assert!(matches!(listener.take(), Some(Delivery::Snapshot(_))));
    listener
}

/// Events that have been published since.
pub fn published(listener: &mut Listener) -> Vec<TeamEvent> {
    let mut found = Vec::new();
    while let Some(delivery) = listener.take() {
        let Delivery::Events(records) = delivery else { panic!("{delivery:?}") };
        found.extend(records.iter().map(|record| record.event.clone()));
    }
    found
}

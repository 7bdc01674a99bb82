//! Engine that follows a script of the test, and counts cancelled requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use harmonic_engine::{
    Admitted, AgentSlots, AgentUse, Allocation, Cancel, Capabilities, Drained, Engine, EngineError,
    EngineStatus, Forms, Generation, Health, Identity, ReslotError,
};
use harmonic_types::{
    Event, FinishReason, KvLayout, KvType, Rejection, Request, TokenBytes, TokenLogprob, Tokens,
    Usage,
};
use tokio::sync::{mpsc, watch};

/// Outcome of a request.
#[derive(Clone, Debug)]
pub enum Script {
    /// Emits these events and ends.
    Emit(Vec<Event>),
    /// Emits these events, then those that the test sends.
    EmitAndWait(Vec<Event>),
    /// Stays in the queue forever.
    Queue,
    /// Is refused.
    Refuse(Rejection),
}

/// Capabilities of the engines of this version.
pub const ALL_CAPABILITIES: Capabilities = Capabilities {
    generation: true,
    logprobs: true,
    forms: Forms::ALL,
    tools: true,
    strict_tools: true,
    exact_counts: true,
    preemption: true,
    prefix_cache: true,
    embeddings: false,
    ignore_eos: true,
    own_system_turn: true,
    request_context: false,
    vision: false,
    audio: false,
};

/// The scripted engine.
#[derive(Debug)]
pub struct ScriptedEngine {
    script: Script,
    health: Health,
    capabilities: Capabilities,
    /// The last submitted request.
    pub seen: watch::Sender<Option<Request>>,
    /// Number of requests that were dropped before their end.
    pub cancelled: watch::Sender<u32>,
    /// Senders of the running requests of [`Script::EmitAndWait`].
    running: Mutex<Vec<mpsc::UnboundedSender<Event>>>,
}

impl ScriptedEngine {
    pub fn new(script: Script) -> Arc<Self> {
        Self::with_health(script, Health::Ready)
    }

    pub fn with_health(script: Script, health: Health) -> Arc<Self> {
        Self::build(script, health, ALL_CAPABILITIES)
    }

    /// Engine with only these `capabilities`.
    pub fn with_capabilities(capabilities: Capabilities, script: Script) -> Arc<Self> {
        Self::build(script, Health::Ready, capabilities)
    }

    fn build(script: Script, health: Health, capabilities: Capabilities) -> Arc<Self> {
        Arc::new(Self {
            script,
            health,
            capabilities,
            seen: watch::Sender::new(None),
            cancelled: watch::Sender::new(0),
            running: Mutex::default(),
        })
    }

    /// Resolves when `count` requests have been cancelled; panics at the deadline of [`within`].
    pub async fn cancelled(&self, count: u32) {
        let mut cancelled = self.cancelled.subscribe();
        within(cancelled.wait_for(|seen| *seen == count)).await.expect("the engine lives");
    }

    /// Resolves when a request has been submitted.
    pub async fn submitted(&self) -> Request {
        let mut seen = self.seen.subscribe();
        let seen = within(seen.wait_for(Option::is_some)).await.expect("the engine lives");
        seen.clone().expect("waited for")
    }

    /// Ends all running requests without an event.
    pub fn end_all(&self) {
        self.running.lock().expect("no test panicked with it").clear();
    }

    /// Emits `event` in all running requests.
    pub fn emit(&self, event: &Event) {
        for events in &*self.running.lock().expect("no test panicked with it") {
            events.send(event.clone()).expect("it runs");
        }
    }
}

/// Awaits `future`; panics after 30 s.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("the future resolves in time")
}

impl Engine for ScriptedEngine {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        let granted = Admitted {
            request: request.id,
            slot: 3,
            queued: Duration::from_millis(12),
            prompt_tokens: 7,
        };
        let cancelled = self.cancelled.clone();
        let count = move || cancelled.send_modify(|count| *count += 1);
        self.seen.send_replace(Some(request));
        let (events, receiver) = mpsc::unbounded_channel();
        let emit = |script: &[Event]| {
            for event in script {
                events.send(event.clone()).expect("the receiver is in this function");
            }
        };
        match &self.script {
            Script::Emit(script) => {
                emit(script);
                let generation = Generation::new(granted, receiver, Cancel::new(|| {}));
                future::ready(Ok(generation)).boxed()
            }
            Script::EmitAndWait(script) => {
                emit(script);
                // As in a real engine, a finished request cannot be cancelled.
                let ends = matches!(script.last(), Some(Event::Finished { .. }));
                let cancel = Cancel::new(move || {
                    if !ends {
                        count();
                    }
                });
                self.running.lock().expect("no test panicked with it").push(events);
                future::ready(Ok(Generation::new(granted, receiver, cancel))).boxed()
            }
            Script::Queue => {
                let guard = Cancel::new(count);
                async move {
                    let _guard = guard;
                    future::pending().await
                }
                .boxed()
            }
            Script::Refuse(refused) => future::ready(Err(refused.clone())).boxed(),
        }
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn count_tokens(&self, _: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        future::ready(Ok(Tokens(7))).boxed()
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            id: "small".to_owned(),
            model: "smollm2:135m".to_owned(),
            kind: "scripted".to_owned(),
            identity: Identity {
                digest: Some("b179".to_owned()),
                format: Some("F16".to_owned()),
                build: Some("scripted/1".to_owned()),
                kv_layout: Some(KvLayout::Unified),
                kv_type: Some(KvType::Q8_0),
            },
            capabilities: self.capabilities,
            health: self.health.clone(),
            allocation: Allocation::default(),
            sequences: 4,
            preparing: 0,
            agents: vec![AgentUse {
                agent: "coder".into(),
                slots: 2,
                context: Tokens(2048),
                in_flight: 1,
                borrowed: 0,
                preempted: 0,
                queued: 5,
            }],
        }
    }

    fn reslot(&self, _slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        future::ready(Ok(())).boxed()
    }

    fn drain(&self, _grace: Duration) -> BoxFuture<'_, Drained> {
        future::ready(Drained::default()).boxed()
    }
}

pub fn text(text: &str) -> Event {
    Event::Text { text: text.to_owned(), logprobs: Vec::new() }
}

pub fn finished(reason: FinishReason) -> Event {
    let usage = Usage { prompt_tokens: 7, completion_tokens: 3, cached_tokens: 2 };
    Event::Finished { reason, usage }
}

/// Short answer with reasoning, characters that JSON escapes, and log-probabilities.
pub fn answer() -> Vec<Event> {
    let logprobs = vec![TokenLogprob {
        token: TokenBytes(vec![0xC3]),
        logprob: f32::NEG_INFINITY,
        top: vec![("é".into(), -0.5)],
    }];
    vec![
        Event::Reasoning { text: "hm".to_owned() },
        text("say \"é\"\n\\"),
        Event::Text { text: String::new(), logprobs },
        finished(FinishReason::Stop),
    ]
}

/// Answer with two tool calls.
pub fn calls() -> Vec<Event> {
    let call = |index, name: &str| Event::ToolCall {
        index,
        id: format!("call_{index}"),
        name: name.to_owned(),
    };
    let more = |index, text: &str| Event::ToolArguments { index, text: text.to_owned() };
    vec![
        text("look"),
        call(0, "find"),
        more(0, "{\"what\":"),
        more(0, "\"é\"}"),
        call(1, "now"),
        more(1, "{}"),
        finished(FinishReason::ToolCalls),
    ]
}

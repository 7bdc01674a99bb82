//! Engine without a machine: answers are complete at once, or have one event per tick.
//!
//! Does not do: admission. Every request is admitted.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use harmonic_engine::{
    Admitted, AgentSlots, Allocation, Cancel, Capabilities, Drained, Engine, EngineError,
    EngineStatus, Generation, Health, Identity, ReslotError,
};
use harmonic_types::{Event, FinishReason, Rejection, Request, Tokens, Usage};
use tokio::sync::mpsc;

/// Default length of an answer, in tokens.
const TOKENS: u32 = 16;

/// Engine without a machine.
#[derive(Debug)]
pub enum Stub {
    /// Answers are complete at once.
    Instant,
    /// A thread emits the events of the streams.
    Ticking(Arc<Streams>),
}

/// The running answers.
type Streams = Mutex<Vec<Stream>>;

/// A running answer.
#[derive(Debug)]
pub struct Stream {
    events: mpsc::UnboundedSender<Event>,
    tokens: u32,
    left: u32,
}

impl Stub {
    /// Engine whose streams have an event each `period`.
    pub fn ticking(period: Duration) -> std::io::Result<Self> {
        let streams = Arc::new(Streams::default());
        let fed = Arc::downgrade(&streams);
        thread::Builder::new().name("ticks".to_owned()).spawn(move || feed(&fed, period))?;
        Ok(Self::Ticking(streams))
    }
}

/// Emits the events until the engine is dropped.
fn feed(streams: &Weak<Streams>, period: Duration) {
    let mut next = Instant::now();
    while let Some(streams) = streams.upgrade() {
        streams.lock().unwrap_or_else(PoisonError::into_inner).retain_mut(Stream::advance);
        drop(streams);
        next += period;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

impl Stream {
    /// Emits one event; returns whether another follows.
    fn advance(&mut self) -> bool {
        let last = self.left == 0;
        let event = if last { finished(self.tokens) } else { text() };
        self.left = self.left.saturating_sub(1);
        self.events.send(event).is_ok() && !last
    }
}

/// Event of a token of usual length.
fn text() -> Event {
    Event::Text { text: " token".to_owned(), logprobs: Vec::new() }
}

fn finished(completion_tokens: u32) -> Event {
    let usage = Usage { prompt_tokens: 7, completion_tokens, cached_tokens: 0 };
    Event::Finished { reason: FinishReason::Length, usage }
}

impl Engine for Stub {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        let tokens = request.max_tokens.unwrap_or(Tokens(TOKENS)).0;
        let (events, receiver) = mpsc::unbounded_channel();
        let mut stream = Stream { events, tokens, left: tokens };
        match self {
            Self::Instant => while stream.advance() {},
            Self::Ticking(streams) => {
                streams.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
            }
        }
        let granted =
            Admitted { request: request.id, slot: 0, queued: Duration::ZERO, prompt_tokens: 7 };
        future::ready(Ok(Generation::new(granted, receiver, Cancel::new(|| {})))).boxed()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { exact_counts: true, ignore_eos: true, ..Capabilities::TEXT }
    }

    fn count_tokens(&self, _: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        future::ready(Ok(Tokens(7))).boxed()
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            id: "stub".to_owned(),
            model: "stub".to_owned(),
            kind: "stub".to_owned(),
            identity: Identity::default(),
            capabilities: self.capabilities(),
            health: Health::Ready,
            allocation: Allocation::default(),
            sequences: 0,
            preparing: 0,
            agents: Vec::new(),
        }
    }

    fn reslot(&self, _slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        future::ready(Ok(())).boxed()
    }

    fn drain(&self, _grace: Duration) -> BoxFuture<'_, Drained> {
        future::ready(Drained::default()).boxed()
    }
}

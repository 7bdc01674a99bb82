//! An engine that keeps the requests that it gets.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use harmonic_engine::{
    AgentSlots, Capabilities, Drained, Engine, EngineError, EngineStatus, Generation, Health,
    ReslotError,
};
use harmonic_types::{Rejection, Request, Tokens};

/// Requests, in the order of their submission.
pub type Requests = Arc<Mutex<Vec<Request>>>;

/// An engine that keeps the requests that it gets.
pub struct RecordingEngine {
    pub inner: Arc<dyn Engine>,
    pub requests: Requests,
}

impl Engine for RecordingEngine {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        self.inner.submit(request)
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        self.inner.check(request)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        self.inner.count_tokens(request)
    }

    fn status(&self) -> EngineStatus {
        self.inner.status()
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        self.inner.reslot(slots)
    }

    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained> {
        self.inner.drain(grace)
    }

    fn ended(&self) -> BoxFuture<'static, Health> {
        self.inner.ended()
    }
}

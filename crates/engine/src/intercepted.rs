//! An engine with a function before it, as tests and benchmarks need it: to count, to delay or to change
//! what it is asked.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use harmonic_types::{EmbeddingRequest, Rejection, Request, Tokens};

use crate::capabilities::Capabilities;
use crate::embedding_run::EmbeddingRun;
use crate::engine::{AgentSlots, Drained, Engine, EngineError, EngineStatus, Health, ReslotError};
use crate::generation::Generation;

/// Resolves on admission or rejection.
type Admission = BoxFuture<'static, Result<Generation, Rejection>>;

/// An engine whose requests for text go through the function `F`. All else is the engine's own.
pub struct Intercepted<F> {
    engine: Arc<dyn Engine>,
    submit: F,
}

impl<F: Fn(&dyn Engine, Request) -> Admission + Send + Sync> Intercepted<F> {
    /// `submit` before `engine`, which it is given.
    pub fn new(engine: Arc<dyn Engine>, submit: F) -> Self {
        Self { engine, submit }
    }
}

impl<F> std::fmt::Debug for Intercepted<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intercepted").finish_non_exhaustive()
    }
}

impl<F: Fn(&dyn Engine, Request) -> Admission + Send + Sync> Engine for Intercepted<F> {
    fn submit(&self, request: Request) -> Admission {
        (self.submit)(&*self.engine, request)
    }

    fn embed(
        &self,
        request: EmbeddingRequest,
    ) -> BoxFuture<'static, Result<EmbeddingRun, Rejection>> {
        self.engine.embed(request)
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        self.engine.check(request)
    }

    fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        self.engine.count_tokens(request)
    }

    fn status(&self) -> EngineStatus {
        self.engine.status()
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        self.engine.reslot(slots)
    }

    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained> {
        self.engine.drain(grace)
    }

    fn ended(&self) -> BoxFuture<'static, Health> {
        self.engine.ended()
    }
}

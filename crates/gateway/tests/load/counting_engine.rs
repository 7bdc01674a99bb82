//! Engine that counts its requests.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::poll;
use harmonic_engine::{
    AgentSlots, Capabilities, Drained, Engine, EngineError, EngineStatus, Generation, Health,
    ReslotError,
};
use harmonic_types::{Rejection, Request, Tokens};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Counts of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that reached the engine.
    pub submitted: u64,
    /// Admitted requests.
    pub admitted: u64,
    /// Rejected requests.
    pub rejected: u64,
}

/// Engine with counts of its requests.
pub struct CountingEngine {
    inner: Box<dyn Engine>,
    counts: Arc<watch::Sender<Counts>>,
}

impl CountingEngine {
    pub fn new(inner: impl Engine + 'static) -> Arc<Self> {
        Arc::new(Self { inner: Box::new(inner), counts: Arc::default() })
    }

    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Resolves when `requests` have reached the engine's queues or were rejected.
    #[allow(dead_code, reason = "the benchmark shares this file and waits for nothing")]
    pub async fn submitted(&self, requests: u64) {
        let mut counts = self.counts.subscribe();
        let reached = counts.wait_for(|counts| counts.submitted >= requests).await;
        drop(reached.expect("the sender is in this value"));
        while self.inner.status().preparing > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Engine for CountingEngine {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        let mut answer = self.inner.submit(request);
        let counts = Arc::clone(&self.counts);
        async move {
            // The first poll submits the request to the engine.
            let first = poll!(&mut answer);
            counts.send_modify(|counts| counts.submitted += 1);
            let answer = match first {
                Poll::Ready(answer) => answer,
                Poll::Pending => answer.await,
            };
            counts.send_modify(|counts| match answer {
                Ok(_) => counts.admitted += 1,
                Err(_) => counts.rejected += 1,
            });
            answer
        }
        .boxed()
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

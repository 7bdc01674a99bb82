//! An engine that is a program of others: requests over HTTP, and the process behind it.
//!
//! Invariants: the process ends with the engine, drained or dropped; the engine ends when its process
//! does, with the last lines of its log, so that the launcher's supervision starts it again.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_engine::{
    AgentSlots, Allocation, Capabilities, Drained, EmbeddingRun, Engine, EngineError, EngineStatus,
    Generation, Health, ReslotError,
};
use harmonic_engine_http::HttpEngine;
use harmonic_guard::GuardedChild;
use harmonic_types::{Bytes, EmbeddingRequest, Rejection, Request, Tokens};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::private_folder::PrivateFolder;

/// Time for the program to end by itself after its last answer.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// An engine with the process that computes for it.
pub(super) struct ProcessEngine {
    http: Arc<HttpEngine>,
    child: Arc<GuardedChild>,
    resident: Option<Bytes>,
    /// Ends the engine with its process.
    _watch: AbortOnDropHandle<()>,
    /// Home of the program, which is removed after it.
    _folder: PrivateFolder,
}

impl ProcessEngine {
    /// The engine `http` over the process `child`, which has `resident` bytes and works in `folder`.
    /// Called within a runtime.
    pub(super) fn new(
        http: HttpEngine,
        child: Arc<GuardedChild>,
        resident: Option<Bytes>,
        folder: PrivateFolder,
    ) -> Self {
        let http = Arc::new(http);
        let (ended, engine) = (child.ended(), Arc::downgrade(&http));
        let watch = Handle::current().spawn(async move {
            let end = ended.await;
            if let Some(engine) = engine.upgrade() {
                engine.end(Health::Died { message: end.to_string() });
            }
        });
        Self { http, child, resident, _watch: AbortOnDropHandle::new(watch), _folder: folder }
    }
}

impl Engine for ProcessEngine {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        self.http.submit(request)
    }

    fn embed(
        &self,
        request: EmbeddingRequest,
    ) -> BoxFuture<'static, Result<EmbeddingRun, Rejection>> {
        self.http.embed(request)
    }

    fn check(&self, request: &Request) -> Result<(), Rejection> {
        self.http.check(request)
    }

    fn capabilities(&self) -> Capabilities {
        self.http.capabilities()
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        self.http.count_tokens(request)
    }

    fn status(&self) -> EngineStatus {
        let status = self.http.status();
        let allocation = Allocation { resident_bytes: self.resident, ..status.allocation };
        EngineStatus { allocation, ..status }
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        self.http.reslot(slots)
    }

    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained> {
        async move {
            let drained = self.http.drain(grace).await;
            let _end = self.child.stop(STOP_GRACE).await;
            drained
        }
        .boxed()
    }

    fn ended(&self) -> BoxFuture<'static, Health> {
        self.http.ended()
    }
}

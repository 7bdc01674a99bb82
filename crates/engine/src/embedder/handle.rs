//! Engine that computes embeddings: preparation of requests, and the handle to its thread.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use harmonic_types::{EmbeddingInput, EmbeddingRequest, Rejection, Request, Tokens};
use tokio::sync::oneshot;

use super::drive::{Command, EmbedderThread};
use super::preparation::{InputLimits, busy, tokenize};
use super::requests::{EmbeddingRequests, Inputs, OpenRequest};
use crate::capabilities::Capabilities;
use crate::chat::Vocabulary;
use crate::embedding_run::EmbeddingRun;
use crate::engine::{AgentSlots, Drained, Engine, EngineError, EngineStatus, Health, ReslotError};
use crate::engine_handle::EngineHandle;
use crate::generation::Generation;
use crate::local::{LocalConfig, SMALL_PROMPT_BYTES, WAITING_PROMPT_BYTES};
use crate::workers::{Panicked, Workers};

const CAPABILITIES: Capabilities =
    Capabilities { generation: false, embeddings: true, ..Capabilities::TEXT };

/// Handle to an engine that computes embeddings. Dropping it cancels open requests and ends the
/// thread.
#[derive(Debug)]
pub struct Embedder(Arc<Shared>);

/// State shared by the handle and the futures of its calls.
struct Shared {
    thread: EngineHandle<Command>,
    vocabulary: Arc<dyn Vocabulary>,
    /// Threads that tokenise inputs.
    workers: Workers,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl Embedder {
    /// Starts a thread that runs `body`, which creates an encoder and passes it to
    /// [`EmbedderThread::drive`]. Returns once the encoder is ready.
    ///
    /// # Errors
    /// The error of `body` before it drives, or [`EngineError::Setup`] if a thread cannot be
    /// started.
    pub fn spawn(
        config: LocalConfig,
        vocabulary: Arc<dyn Vocabulary>,
        body: impl FnOnce(EmbedderThread<'_>) -> Result<(), EngineError> + Send + 'static,
    ) -> Result<Self, EngineError> {
        let workers = Workers::start("inputs", SMALL_PROMPT_BYTES, WAITING_PROMPT_BYTES);
        let workers = workers.map_err(|error| EngineError::Setup {
            id: config.id.clone(),
            reason: format!("cannot start threads for inputs: {error}"),
        })?;
        let thread =
            EngineHandle::spawn(config, CAPABILITIES, EmbeddingRequests::new, |context, _| {
                body(EmbedderThread(context))
            })?;
        Ok(Self(Arc::new(Shared { thread, vocabulary, workers })))
    }
}

impl Shared {
    /// Tokenises the inputs of `request` on a worker thread.
    async fn prepare(
        self: &Arc<Self>,
        index: usize,
        request: EmbeddingRequest,
    ) -> Result<Inputs, Rejection> {
        let agent = request.agent.clone();
        let bytes = request.inputs.iter().map(EmbeddingInput::bytes).sum();
        let context = self.thread.config().agents[index].context;
        let limits = InputLimits { agent: agent.clone(), context };
        let vocabulary = Arc::clone(&self.vocabulary);
        let running = self.workers.run(bytes, move |cancelled| {
            tokenize(&*vocabulary, &limits, request, cancelled).map(Inputs::new)
        });
        running.map_err(|full| busy(agent, full))?.await.unwrap_or_else(|Panicked| {
            let message = "the inputs could not be prepared: this is a bug, please report it";
            Err(Rejection::Invalid { message: message.to_owned() })
        })
    }
}

impl Engine for Embedder {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        let message = format!("{} computes embeddings and generates no text", request.agent);
        ready(Err(Rejection::Invalid { message })).boxed()
    }

    fn embed(
        &self,
        request: EmbeddingRequest,
    ) -> BoxFuture<'static, Result<EmbeddingRun, Rejection>> {
        let shared = Arc::clone(&self.0);
        async move {
            let (agent, client_id) = (request.agent.clone(), request.id);
            let thread = &shared.thread;
            let index = thread.agent(&agent)?;
            let preparing = thread.preparing();
            let inputs = shared.prepare(index, request).await?;
            let id = thread.next_id();
            let (admission, admitted) = oneshot::channel();
            let (result, vectors) = oneshot::channel();
            let open = OpenRequest {
                request: client_id,
                agent: agent.clone(),
                index,
                inputs,
                admission: Some(admission),
                result,
            };
            thread.send(Command::Submit(id, Box::new(open)), &agent)?;
            drop(preparing);
            let cancel = thread.cancel_on_drop(id);
            let admitted = admitted.await.map_err(|_| thread.gone(&agent))??;
            Ok(EmbeddingRun::new(admitted, vectors, cancel))
        }
        .boxed()
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        let message = format!("{} has no prompts to count the tokens of", request.agent);
        ready(Err(Rejection::Invalid { message }.into())).boxed()
    }

    fn status(&self) -> EngineStatus {
        self.0.thread.status()
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        self.0.thread.reslot(slots)
    }

    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained> {
        self.0.thread.drain(grace)
    }

    fn ended(&self) -> BoxFuture<'static, Health> {
        self.0.thread.ended()
    }
}

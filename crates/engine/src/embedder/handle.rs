//! Handle to the thread of an engine that computes embeddings.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use harmonic_admission::AgentLoad;
use harmonic_types::{
    AgentName, EmbeddingInput, EmbeddingRequest, Rejection, Request, RequestId, Tokens,
};
use tokio::sync::{oneshot, watch};

use super::drive::{Command, EmbedderThread};
use super::preparation::{InputLimits, busy, tokenize};
use super::requests::{EmbeddingRequests, Inputs, OpenRequest};
use crate::capabilities::Capabilities;
use crate::chat::Vocabulary;
use crate::embedding_run::EmbeddingRun;
use crate::engine::{
    AgentSlots, AgentUse, Drained, Engine, EngineError, EngineStatus, Health, ReslotError,
};
use crate::generation::{Cancel, Generation};
use crate::local::{LocalConfig, SMALL_PROMPT_BYTES, WAITING_PROMPT_BYTES};
use crate::request_registry::SharedStatus;
use crate::thread;
use crate::workers::{Panicked, Workers};

const CAPABILITIES: Capabilities =
    Capabilities { generation: false, embeddings: true, ..Capabilities::TEXT };

/// Handle to an engine that computes embeddings. Dropping it cancels open requests and ends the
/// thread.
#[derive(Debug)]
pub struct Embedder(Arc<Shared>);

/// State shared by the handle and the futures of its calls.
struct Shared {
    config: LocalConfig,
    vocabulary: Arc<dyn Vocabulary>,
    /// Threads that tokenise inputs.
    workers: Workers,
    by_name: BTreeMap<AgentName, usize>,
    commands: mpsc::Sender<Command>,
    status: SharedStatus,
    next: AtomicU64,
    preparing: AtomicU32,
    ended: watch::Receiver<Option<Drained>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("engine", &self.config.id).finish_non_exhaustive()
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
        let load = config.agents.iter();
        let load = load.map(|agent| AgentLoad { slots: agent.slots, ..AgentLoad::default() });
        let status = SharedStatus::new(load.collect());
        let (commands, receiver) = mpsc::channel();
        let ended = thread::spawn(
            &config,
            receiver,
            status.clone(),
            EmbeddingRequests::new,
            move |context| body(EmbedderThread(context)),
        )?;
        let by_name = (0..).zip(&config.agents).map(|(at, a)| (a.spec.name.clone(), at)).collect();
        Ok(Self(Arc::new(Shared {
            config,
            vocabulary,
            workers,
            by_name,
            commands,
            status,
            next: AtomicU64::new(0),
            preparing: AtomicU32::new(0),
            ended,
        })))
    }
}

impl Shared {
    fn agent(&self, name: &AgentName) -> Result<usize, Rejection> {
        self.by_name.get(name).copied().ok_or_else(|| {
            let known: Vec<&str> = self.by_name.keys().map(|name| name.0.as_str()).collect();
            Rejection::UnknownAgent { agent: name.clone(), known: known.join(", ") }
        })
    }

    fn died(&self, agent: &AgentName) -> Rejection {
        match self.status.read().health {
            Health::Died { message } => Rejection::EngineDied { agent: agent.clone(), message },
            Health::Ready | Health::Draining | Health::Restarting { .. } | Health::Stopped => {
                Rejection::Draining
            }
        }
    }

    /// Tokenises the inputs of `request` on a worker thread.
    async fn prepare(
        self: &Arc<Self>,
        index: usize,
        request: EmbeddingRequest,
    ) -> Result<Inputs, Rejection> {
        let agent = request.agent.clone();
        let bytes = request.inputs.iter().map(EmbeddingInput::bytes).sum();
        let limits =
            InputLimits { agent: agent.clone(), context: self.config.agents[index].context };
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

/// Guard that counts a request as being prepared until dropped.
struct PreparingGuard(Arc<Shared>);

impl PreparingGuard {
    fn of(shared: &Arc<Shared>) -> Self {
        shared.preparing.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for PreparingGuard {
    fn drop(&mut self) {
        self.0.preparing.fetch_sub(1, Ordering::Relaxed);
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
            let index = shared.agent(&agent)?;
            let preparing = PreparingGuard::of(&shared);
            let inputs = shared.prepare(index, request).await?;
            let id = RequestId(shared.next.fetch_add(1, Ordering::Relaxed));
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
            let commands = shared.commands.clone();
            let submitted = commands.send(Command::Submit(id, Box::new(open)));
            submitted.map_err(|_| shared.died(&agent))?;
            drop(preparing);
            let cancel = Cancel::new(move || {
                // A failed send means that the engine has ended, and its requests with it.
                let _gone = commands.send(Command::Cancel(id));
            });
            let admitted = admitted.await.map_err(|_| shared.died(&agent))??;
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
        let config = &self.0.config;
        let status = self.0.status.read();
        let agents = config.agents.iter().zip(status.load).map(|(agent, load)| AgentUse {
            agent: agent.spec.name.clone(),
            slots: load.slots,
            context: agent.context,
            in_flight: load.in_flight,
            borrowed: load.borrowed,
            preempted: load.preempted,
            queued: load.queued,
        });
        EngineStatus {
            id: config.id.clone(),
            model: config.model.clone(),
            kind: config.kind.clone(),
            identity: config.identity.clone(),
            capabilities: CAPABILITIES,
            health: status.health,
            allocation: status.allocation,
            sequences: config.sequences,
            preparing: self.0.preparing.load(Ordering::Relaxed),
            agents: agents.collect(),
        }
    }

    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        async move {
            let indexed = slots
                .into_iter()
                .map(|(agent, slots)| match self.0.by_name.get(&agent) {
                    Some(index) => Ok((*index, slots)),
                    None => Err(ReslotError::UnknownAgent(agent)),
                })
                .collect::<Result<Vec<_>, _>>()?;
            let (reply, verdict) = oneshot::channel();
            let command = Command::Reslot(indexed, reply);
            self.0.commands.send(command).map_err(|_| ReslotError::Stopped)?;
            verdict.await.unwrap_or(Err(ReslotError::Stopped))
        }
        .boxed()
    }

    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained> {
        // A failed send means that the engine has ended already.
        let _ended = self.0.commands.send(Command::Drain(grace));
        let mut ended = self.0.ended.clone();
        async move {
            let drained = ended.wait_for(Option::is_some).await;
            drained.ok().and_then(|drained| *drained).unwrap_or_default()
        }
        .boxed()
    }

    fn ended(&self) -> BoxFuture<'static, Health> {
        let mut ended = self.0.ended.clone();
        let status = self.0.status.clone();
        async move {
            // An error means that the thread has ended.
            let _ended = ended.wait_for(Option::is_some).await;
            status.read().health
        }
        .boxed()
    }
}

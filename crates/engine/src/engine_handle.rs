//! Handle to the thread of an engine: what is the same whatever the thread computes.
//!
//! Owns: the channel of commands, the agents by name, the ids of requests, the published status.
//!
//! Invariant: the thread ends when the last sender of its commands is dropped, that of a running
//! request included; the thread itself holds none.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak, mpsc};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_admission::AgentLoad;
use harmonic_types::{AgentName, Rejection, RequestId};
use tokio::sync::{oneshot, watch};

use crate::capabilities::Capabilities;
use crate::engine::{
    AgentSlots, AgentUse, Drained, EngineError, EngineStatus, Health, ReslotError,
};
use crate::generation::Cancel;
use crate::local::{LocalConfig, ServedAgent};
use crate::publisher::Publisher;
use crate::status::SharedStatus;
use crate::thread::{self, OpenRequests, ThreadContext};

/// Reply to a change of the planned slots.
pub(crate) type ReslotReply = oneshot::Sender<Result<(), ReslotError>>;

/// Commands that every engine thread takes.
pub(crate) trait ThreadCommand: Send + 'static {
    /// Cancel a request whose client is gone.
    fn cancel(id: RequestId) -> Self;
    /// Set planned slots, by agent index.
    fn reslot(slots: Vec<(usize, u32)>, reply: ReslotReply) -> Self;
    /// Finish open requests within this time, then end.
    fn drain(grace: Duration) -> Self;
}

/// Handle to a thread that takes commands of the kind `C`.
pub(crate) struct EngineHandle<C> {
    config: LocalConfig,
    capabilities: Capabilities,
    by_name: BTreeMap<AgentName, usize>,
    commands: Arc<Sender<C>>,
    status: SharedStatus,
    next: AtomicU64,
    preparing: Arc<AtomicU32>,
    ended: watch::Receiver<Option<Drained>>,
}

impl<C> fmt::Debug for EngineHandle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineHandle").field("engine", &self.config.id).finish_non_exhaustive()
    }
}

impl<C: ThreadCommand> EngineHandle<C> {
    /// Starts a thread that runs `body` over open requests of the kind `R`. Returns once its
    /// machine is ready.
    ///
    /// # Errors
    /// The error of `body` before that, or [`EngineError::Setup`] if the thread cannot be started.
    pub(crate) fn spawn<R: OpenRequests>(
        config: LocalConfig,
        capabilities: Capabilities,
        requests: impl FnOnce(SharedStatus, Publisher) -> R + Send + 'static,
        body: impl FnOnce(ThreadContext<'_, C, R>, Weak<Sender<C>>) -> Result<(), EngineError>
        + Send
        + 'static,
    ) -> Result<Self, EngineError> {
        let load = |agent: &ServedAgent| AgentLoad { slots: agent.slots, ..AgentLoad::default() };
        let status = SharedStatus::new(config.agents.iter().map(load).collect());
        let (commands, receiver) = mpsc::channel();
        let commands = Arc::new(commands);
        let weak = Arc::downgrade(&commands);
        let ended = thread::spawn(&config, receiver, status.clone(), requests, move |context| {
            body(context, weak)
        })?;
        let by_name = (0..).zip(&config.agents).map(|(at, a)| (a.spec.name.clone(), at)).collect();
        Ok(Self {
            config,
            capabilities,
            by_name,
            commands,
            status,
            next: AtomicU64::new(0),
            preparing: Arc::default(),
            ended,
        })
    }

    /// Configuration of the engine.
    pub(crate) fn config(&self) -> &LocalConfig {
        &self.config
    }

    /// Capabilities of the engine.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// Index of an agent in the configuration.
    ///
    /// # Errors
    /// [`Rejection::UnknownAgent`], with the names of those that are served.
    pub(crate) fn agent(&self, name: &AgentName) -> Result<usize, Rejection> {
        self.by_name.get(name).copied().ok_or_else(|| {
            let known: Vec<&str> = self.by_name.keys().map(|name| name.0.as_str()).collect();
            Rejection::UnknownAgent { agent: name.clone(), known: known.join(", ") }
        })
    }

    /// Id for a new request.
    pub(crate) fn next_id(&self) -> RequestId {
        RequestId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Counts a request as being prepared until the guard is dropped.
    pub(crate) fn preparing(&self) -> PreparingGuard {
        self.preparing.fetch_add(1, Ordering::Relaxed);
        PreparingGuard(Arc::clone(&self.preparing))
    }

    /// Sends a command for a request to `agent`.
    ///
    /// # Errors
    /// The [`Rejection`] of a thread that has ended.
    pub(crate) fn send(&self, command: C, agent: &AgentName) -> Result<(), Rejection> {
        self.commands.send(command).map_err(|_| self.gone(agent))
    }

    /// Sends a command that nobody waits for. A thread that has ended does without.
    pub(crate) fn tell(&self, command: C) {
        let _ended = self.commands.send(command);
    }

    /// Guard that cancels the request `id` when dropped.
    pub(crate) fn cancel_on_drop(&self, id: RequestId) -> Cancel {
        let commands = Arc::clone(&self.commands);
        Cancel::new(move || {
            // A failed send means that the engine has ended, and its requests with it.
            let _gone = commands.send(C::cancel(id));
        })
    }

    /// Rejection of a request to `agent` by a thread that has ended.
    pub(crate) fn gone(&self, agent: &AgentName) -> Rejection {
        self.status.gone(agent)
    }

    /// See [`crate::Engine::status`].
    pub(crate) fn status(&self) -> EngineStatus {
        let config = &self.config;
        let status = self.status.read();
        let agents = config
            .agents
            .iter()
            .zip(status.load)
            .map(|(agent, load)| AgentUse::of(agent.spec.name.clone(), agent.context, load));
        EngineStatus {
            id: config.id.clone(),
            model: config.model.clone(),
            kind: config.kind.clone(),
            identity: config.identity.clone(),
            capabilities: self.capabilities,
            health: status.health,
            allocation: status.allocation,
            sequences: config.sequences,
            preparing: self.preparing.load(Ordering::Relaxed),
            agents: agents.collect(),
        }
    }

    /// See [`crate::Engine::reslot`].
    pub(crate) fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        async move {
            let indexed = slots
                .into_iter()
                .map(|(agent, slots)| match self.by_name.get(&agent) {
                    Some(index) => Ok((*index, slots)),
                    None => Err(ReslotError::UnknownAgent(agent)),
                })
                .collect::<Result<Vec<_>, _>>()?;
            let (reply, verdict) = oneshot::channel();
            let command = C::reslot(indexed, reply);
            self.commands.send(command).map_err(|_| ReslotError::Stopped)?;
            verdict.await.unwrap_or(Err(ReslotError::Stopped))
        }
        .boxed()
    }

    /// See [`crate::Engine::drain`].
    pub(crate) fn drain(&self, grace: Duration) -> BoxFuture<'static, Drained> {
        // A failed send means that the engine has ended already.
        let _ended = self.commands.send(C::drain(grace));
        let mut ended = self.ended.clone();
        async move {
            let drained = ended.wait_for(Option::is_some).await;
            drained.ok().and_then(|drained| *drained).unwrap_or_default()
        }
        .boxed()
    }

    /// See [`crate::Engine::ended`].
    pub(crate) fn ended(&self) -> BoxFuture<'static, Health> {
        let mut ended = self.ended.clone();
        let status = self.status.clone();
        async move {
            // An error means that the thread has ended.
            let _ended = ended.wait_for(Option::is_some).await;
            status.read().health
        }
        .boxed()
    }
}

/// Guard that counts a request as being prepared until dropped.
#[derive(Debug)]
pub(crate) struct PreparingGuard(Arc<AtomicU32>);

impl Drop for PreparingGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

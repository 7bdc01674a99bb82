//! Engine interface for the gateway and the launcher.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_admission::AgentLoad;
use harmonic_types::{AgentName, Bytes, EmbeddingRequest, Rejection, Request, Tokens};
use serde::Serialize;

use crate::capabilities::Capabilities;
use crate::embedding_run::EmbeddingRun;
use crate::generation::Generation;
use crate::identity::Identity;

/// An engine: one copy of a model's weights that serves its agents in one batch.
pub trait Engine: Send + Sync {
    /// Submits a request; resolves on admission or rejection. Dropping the future or the
    /// [`Generation`] cancels the request and frees its slot.
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>>;

    /// Submits a request for embeddings; resolves on admission or rejection. Dropping the future or
    /// the [`EmbeddingRun`] cancels the request and frees its slot. Without the capability
    /// [`Capabilities::embeddings`], every request is rejected.
    fn embed(
        &self,
        request: EmbeddingRequest,
    ) -> BoxFuture<'static, Result<EmbeddingRun, Rejection>> {
        let message = format!("the engine of {} cannot compute embeddings", request.agent);
        futures::future::ready(Err(Rejection::Invalid { message })).boxed()
    }

    /// Rejects a request that certainly cannot be served, before any work on it. Takes time in
    /// proportion to the messages, so check large requests on the thread that parsed them.
    ///
    /// # Errors
    /// The [`Rejection`] that [`submit`](Self::submit) would return.
    fn check(&self, request: &Request) -> Result<(), Rejection> {
        self.capabilities().check_system_turn(request)
    }

    /// Capabilities; constant during the engine's lifetime. They may differ after a restart if the
    /// model file was replaced.
    fn capabilities(&self) -> Capabilities;

    /// Number of tokens of the prompt of `request`, including its system turn and the template.
    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>>;

    /// Current health, allocation and slots.
    fn status(&self) -> EngineStatus;

    /// Sets the planned slots of its agents.
    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>>;

    /// Rejects new requests, lets open ones finish within `grace`, cancels the rest, and stops. A
    /// second call waits for the first.
    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained>;

    /// Resolves when the engine has ended, drained or failed, and every request has had its final
    /// event. Holds no reference to the engine. Never resolves for engines that cannot detect it.
    fn ended(&self) -> BoxFuture<'static, Health> {
        futures::future::pending().boxed()
    }
}

/// Planned slots per agent.
pub type AgentSlots = BTreeMap<AgentName, u32>;

/// Memory allocated by the engine; `None` where unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Allocation {
    /// Weights.
    pub weights_bytes: Option<Bytes>,
    /// KV cache.
    pub kv_bytes: Option<Bytes>,
    /// States of recurrent layers.
    pub state_bytes: Option<Bytes>,
    /// Compute buffers.
    pub compute_bytes: Option<Bytes>,
    /// All resident memory of the processes of an engine outside of this one.
    pub resident_bytes: Option<Bytes>,
}

/// Health of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Accepts requests.
    Ready,
    /// Finishes open requests and rejects new ones.
    Draining,
    /// The engine thread failed and is being restarted.
    Restarting {
        /// Cause of the failure.
        message: String,
    },
    /// The engine thread has ended.
    Stopped,
    /// The engine thread failed.
    Died {
        /// Cause of the failure.
        message: String,
    },
}

/// Current slot usage of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentUse {
    /// The agent.
    pub agent: AgentName,
    /// Planned slots.
    pub slots: u32,
    /// Context size of each of its sequences.
    pub context: Tokens,
    /// Running requests.
    pub in_flight: u32,
    /// Running requests on slots of other agents.
    pub borrowed: u32,
    /// Preempted requests: they gave a borrowed slot back and wait to resume.
    #[serde(rename = "parked")]
    pub preempted: u32,
    /// Requests that wait and have not run yet.
    pub queued: u32,
}

impl AgentUse {
    /// Slot usage of `agent`, whose sequences have `context` cells, under `load`.
    pub fn of(agent: AgentName, context: Tokens, load: AgentLoad) -> Self {
        let AgentLoad { slots, in_flight, borrowed, preempted, queued, .. } = load;
        Self { agent, slots, context, in_flight, borrowed, preempted, queued }
    }
}

/// State of an engine at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EngineStatus {
    /// [`harmonic_types::EnginePlan::id`].
    pub id: String,
    /// Base model.
    pub model: String,
    /// Kind (`llama.cpp`, `sim`).
    pub kind: String,
    /// Model file, build and cache format in use.
    pub identity: Identity,
    /// Capabilities.
    pub capabilities: Capabilities,
    /// Health.
    pub health: Health,
    /// Allocated memory.
    pub allocation: Allocation,
    /// Maximum number of concurrent sequences.
    pub sequences: u32,
    /// Requests not queued yet: prompt tokenisation and grammar compilation.
    pub preparing: u32,
    /// Slot usage per agent.
    pub agents: Vec<AgentUse>,
}

/// Result of a drain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Requests finished within the grace period.
    pub finished: u64,
    /// Requests cancelled at its end.
    pub cancelled: u64,
}

/// Failure to start or use an engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The model file cannot be loaded.
    #[error("cannot load the model {path}: {reason}")]
    Load {
        /// Path of the file.
        path: String,
        /// Cause and remedy.
        reason: String,
    },
    /// The machine cannot be set up as planned.
    #[error("cannot set up the engine {id}: {reason}")]
    Setup {
        /// Engine id.
        id: String,
        /// Cause and remedy.
        reason: String,
    },
    /// The request was rejected.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The engine thread failed.
    #[error("the engine {id} has died: {message}")]
    Died {
        /// Engine id.
        id: String,
        /// Cause of the failure.
        message: String,
    },
}

/// Rejection of a change of planned slots.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReslotError {
    /// The engine does not serve the agent.
    #[error("agent `{0}` is not served by this engine")]
    UnknownAgent(AgentName),
    /// The slots exceed those planned for the engine.
    #[error("{requested} slots in all, but the engine was planned for {planned}: make a new plan")]
    TooMany {
        /// Requested slots of all agents together.
        requested: u32,
        /// Planned slots.
        planned: u32,
    },
    /// The engine thread has ended.
    #[error("the engine has stopped")]
    Stopped,
}

impl ReslotError {
    /// Checks that the slots of all agents are at most the `planned` ones once `moved` are set, by
    /// agent index; `load` has those in force.
    ///
    /// # Errors
    /// [`ReslotError::TooMany`].
    pub fn check(planned: u32, load: &[AgentLoad], moved: &[(usize, u32)]) -> Result<(), Self> {
        let mut after: Vec<u32> = load.iter().map(|load| load.slots).collect();
        for (agent, slots) in moved {
            after[*agent] = *slots;
        }
        let requested = after.into_iter().fold(0, u32::saturating_add);
        if requested > planned { Err(Self::TooMany { requested, planned }) } else { Ok(()) }
    }
}

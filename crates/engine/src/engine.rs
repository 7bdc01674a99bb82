//! What the gateway and the launcher see of an engine.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_types::{AgentName, Bytes, Rejection, Request, Tokens};
use serde::Serialize;

use crate::capabilities::Capabilities;
use crate::generation::Generation;
use crate::identity::Identity;

/// One copy of some weights, serving its agents in one batch.
pub trait Engine: Send + Sync {
    /// Resolves when a slot is granted or the request refused. Dropping the future or the
    /// [`Generation`] cancels the request and frees its slot.
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>>;

    /// Refuses what certainly cannot be served, without any work on it. May take time in proportion
    /// to the messages, so a large request is best checked, and dropped, where it was read.
    ///
    /// # Errors
    /// As [`submit`](Self::submit) would.
    fn check(&self, _request: &Request) -> Result<(), Rejection> {
        Ok(())
    }

    /// What it can do. The same for as long as it lives; a successor after its death may differ, if
    /// the model's file was replaced.
    fn capabilities(&self) -> Capabilities;

    /// Tokens of the prompt of `request` as its agent would see it: the system prompt and the template
    /// included.
    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>>;

    /// Health, allocation and slots at this moment.
    fn status(&self) -> EngineStatus;

    /// Changes the guaranteed slots of its agents.
    fn reslot(&self, slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>>;

    /// Refuses new requests from now on, lets running ones finish for `grace`, cancels the rest,
    /// and stops. A second call waits for the first.
    fn drain(&self, grace: Duration) -> BoxFuture<'_, Drained>;

    /// Resolves when it has ended for good, drained or dead, and every request has had its last
    /// word. Holds nothing of the engine. One that cannot tell never resolves.
    fn ended(&self) -> BoxFuture<'static, Health> {
        futures::future::pending().boxed()
    }
}

/// Guaranteed slots per agent.
pub type AgentSlots = BTreeMap<AgentName, u32>;

/// Memory as the engine really allocated it; `None` where it cannot tell.
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
}

/// Whether an engine can serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It serves.
    Ready,
    /// It finishes what it has and takes nothing new.
    Draining,
    /// Its thread died and another is being started.
    Restarting {
        /// What is known of the death.
        message: String,
    },
    /// Its thread has ended.
    Stopped,
    /// Its thread died.
    Died {
        /// What is known.
        message: String,
    },
}

/// One agent's slots now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentUse {
    /// The agent.
    pub agent: AgentName,
    /// Guaranteed slots.
    pub slots: u32,
    /// Context of each of its sequences.
    pub context: Tokens,
    /// Its sequences that run now.
    pub in_flight: u32,
    /// Those of them that run on slots of other agents.
    pub borrowed: u32,
    /// Requests that gave a borrowed slot back and wait to go on.
    #[serde(rename = "parked")]
    pub preempted: u32,
    /// Requests that wait and have not run yet.
    pub queued: u32,
}

/// An engine's state at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EngineStatus {
    /// [`harmonic_types::EnginePlan::id`].
    pub id: String,
    /// Base model.
    pub model: String,
    /// Kind and build (`llama.cpp`, `sim`).
    pub kind: String,
    /// What it runs, as it was started.
    pub identity: Identity,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Whether it can serve.
    pub health: Health,
    /// What it holds.
    pub allocation: Allocation,
    /// Sequences it can run at once.
    pub sequences: u32,
    /// Requests that are on their way to a queue: prompts are tokenised, forms compiled.
    pub preparing: u32,
    /// Its agents.
    pub agents: Vec<AgentUse>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Requests that finished within the grace period.
    pub finished: u64,
    /// Requests that were cancelled at its end.
    pub cancelled: u64,
}

/// An engine that could not be made, or stopped working.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The model file cannot be used.
    #[error("cannot load the model {path}: {reason}")]
    Load {
        /// The file.
        path: String,
        /// Why, and what would help.
        reason: String,
    },
    /// The machine could not be set up as planned.
    #[error("cannot set up the engine {id}: {reason}")]
    Setup {
        /// The engine.
        id: String,
        /// Why, and what would help.
        reason: String,
    },
    /// The prompt cannot be put into the model's form.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Its thread is gone.
    #[error("the engine {id} has died: {message}")]
    Died {
        /// The engine.
        id: String,
        /// What is known.
        message: String,
    },
}

/// Why slots stay as they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReslotError {
    /// An agent that this engine does not serve.
    #[error("agent `{0}` is not served by this engine")]
    UnknownAgent(AgentName),
    /// More slots than the plan gave this engine.
    #[error("{asked} slots in all, but the engine was planned for {planned}: make a new plan")]
    TooMany {
        /// Σ of the request.
        asked: u32,
        /// What the engine has.
        planned: u32,
    },
    /// Its thread is gone.
    #[error("the engine has stopped")]
    Stopped,
}

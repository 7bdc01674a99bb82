//! One engine of a plan: the fields of every kind, and those specific to its kind ([`EngineSpec`]).
//!
//! Invariant: `kind` determines the other fields; a plan with a kind unknown to this build is not
//! read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::{KvType, Pooling};
use crate::stack::AgentName;
use crate::units::{Bytes, Tokens};

mod choice;
mod kind;
mod remote_url;
mod spec;

pub use choice::{EngineChoice, ProcessChoice, RemoteChoice};
pub use kind::{EngineKind, EngineProgram, RemoteDialect};
pub use remote_url::RemoteUrl;
pub use spec::{EngineSpec, LlamaSpec, LocalSpec, ProcessSpec, RemoteSpec};

/// How sequences share the KV cache of one engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KvLayout {
    /// Each sequence has its own cells: costs max(context) × sequences.
    Streams,
    /// One pool with per-sequence limits enforced by the scheduler: costs Σ slots × context.
    #[default]
    Unified,
}

/// How an engine computes attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attention {
    /// Fused: scores are never stored. Used on GPUs; a quantised or unified cache requires it.
    #[default]
    Flash,
    /// Three products, each a matrix kernel. Stores the scores of a physical batch; decodes up to
    /// 2.5 times as fast on CPUs.
    Plain,
}

/// One engine to launch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnginePlan {
    /// Identifier, unique in the plan.
    pub id: String,
    /// Kind and kind-specific fields; flattened in JSON.
    #[serde(flatten)]
    pub spec: EngineSpec,
    /// Device it runs on ([`crate::Device::id`]).
    pub device: String,
    /// Base model name.
    pub model: String,
    /// sha256 of the weights file.
    pub digest: Option<String>,
    /// Weight format.
    pub format: String,
    /// Context that the model was trained for; `None` where the file does not state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_trained: Option<Tokens>,
    /// Agents it serves.
    pub agents: Vec<AgentName>,
    /// Σ slots of its agents.
    pub slots: u32,
    /// Sequences that can exist at once (at most [`Self::MAX_SEQUENCES`]). May exceed the slots:
    /// those beyond them are lent to any agent of the engine.
    pub sequences: u32,
    /// Weights.
    pub weights_bytes: Bytes,
    /// KV cache.
    pub kv_bytes: Bytes,
    /// States of recurrent layers.
    pub state_bytes: Bytes,
    /// Budget for prefix snapshots.
    pub prefix_bytes: Bytes,
    /// Budget for the saved states of preempted sequences.
    #[serde(rename = "park_bytes")]
    pub preempt_bytes: Bytes,
    /// Compute buffers.
    pub compute_bytes: Bytes,
    /// Other memory of the engine.
    pub overhead_bytes: Bytes,
    /// Sum of the above.
    pub total_bytes: Bytes,
}

impl EnginePlan {
    /// Maximum sequences of one engine: `LLAMA_MAX_SEQ` of llama.cpp (`llama-cparams.h`).
    pub const MAX_SEQUENCES: u32 = 256;

    /// [`Self::device`] of a server that already runs.
    pub const REMOTE_DEVICE: &'static str = "remote";

    /// [`Self::format`] of weights that are not on this machine.
    pub const UNKNOWN_FORMAT: &'static str = "unknown";

    /// Settings of an engine in this process; `None` for a program of others and a server.
    pub fn local(&self) -> Option<&LocalSpec> {
        match &self.spec {
            EngineSpec::Llama(LlamaSpec { local, .. }) | EngineSpec::Sim(local) => Some(local),
            EngineSpec::Process(_) | EngineSpec::Remote(_) => None,
        }
    }

    /// Attention algorithm; `None` for kinds without a choice of ours.
    pub fn attention(&self) -> Option<Attention> {
        match &self.spec {
            EngineSpec::Llama(llama) => Some(llama.attention),
            EngineSpec::Process(process) => Some(process.attention),
            EngineSpec::Sim(_) | EngineSpec::Remote(_) => None,
        }
    }

    /// Pooling of an engine that computes embeddings; `None` for one that generates text.
    pub fn pooling(&self) -> Option<Pooling> {
        self.local().and_then(|local| local.pooling)
    }

    /// File of the model on this machine; `None` where there is none, and for a server elsewhere.
    pub fn model_path(&self) -> Option<&Path> {
        match &self.spec {
            EngineSpec::Llama(LlamaSpec { local, .. }) | EngineSpec::Sim(local) => {
                local.path.as_deref()
            }
            EngineSpec::Process(process) => process.path.as_deref(),
            EngineSpec::Remote(_) => None,
        }
    }

    /// Compute threads; `None` where they are not this machine's.
    pub fn threads(&self) -> Option<u32> {
        match &self.spec {
            EngineSpec::Llama(LlamaSpec { local, .. }) | EngineSpec::Sim(local) => {
                Some(local.threads)
            }
            EngineSpec::Process(process) => Some(process.threads),
            EngineSpec::Remote(_) => None,
        }
    }

    /// Element type of the KV cache; `None` where the plan does not set it.
    pub fn kv_type(&self) -> Option<KvType> {
        match &self.spec {
            EngineSpec::Llama(LlamaSpec { local, .. }) | EngineSpec::Sim(local) => {
                Some(local.kv_type)
            }
            EngineSpec::Process(process) => Some(process.kv_type),
            EngineSpec::Remote(_) => None,
        }
    }

    /// Layout of the KV cache; `None` where the plan does not set it. A program of others gives
    /// each slot cells of its own.
    pub fn kv_layout(&self) -> Option<KvLayout> {
        match &self.spec {
            EngineSpec::Llama(LlamaSpec { local, .. }) | EngineSpec::Sim(local) => {
                Some(local.kv_layout)
            }
            EngineSpec::Process(_) => Some(KvLayout::Streams),
            EngineSpec::Remote(_) => None,
        }
    }

    /// Total cells of the KV cache, 0 for an encoder; `None` where the plan does not set them.
    pub fn kv_tokens(&self) -> Option<u64> {
        match &self.spec {
            EngineSpec::Llama(LlamaSpec { local, .. }) | EngineSpec::Sim(local) => {
                Some(local.kv_tokens)
            }
            EngineSpec::Process(process) => {
                Some(u64::from(self.sequences).saturating_mul(process.context.0.into()))
            }
            EngineSpec::Remote(_) => None,
        }
    }

    /// Whether it computes in this process.
    pub fn is_in_process(&self) -> bool {
        self.local().is_some()
    }

    /// Whether prompts of its agents leave this machine.
    pub fn leaves_machine(&self) -> bool {
        matches!(&self.spec, EngineSpec::Remote(remote) if remote.leaves_machine)
    }

    /// Its memory by item, in the order of [`LedgerItem::ALL`](crate::LedgerItem::ALL).
    pub fn memory(&self) -> [Bytes; 7] {
        [
            self.weights_bytes,
            self.kv_bytes,
            self.state_bytes,
            self.prefix_bytes,
            self.preempt_bytes,
            self.compute_bytes,
            self.overhead_bytes,
        ]
    }
}

#[cfg(test)]
mod tests;

//! One engine of a plan: the fields of every kind, and those specific to its kind.
//!
//! Invariant: `kind` determines the other fields; a plan with a kind unknown to this build is not
//! read.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{KvType, Pooling};
use crate::stack::AgentName;
use crate::units::{Bytes, Tokens};

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

/// Kind of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// llama.cpp in this process.
    #[default]
    Llama,
    /// A simulated machine.
    Sim,
    /// `ollama serve`, as a child process.
    Ollama,
    /// `llama-server` of llama.cpp, as a child process.
    #[serde(rename = "llama-server")]
    LlamaServer,
    /// `vllm serve`, as a child process.
    Vllm,
    /// A server that already runs.
    Remote,
}

/// API of a server that already runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RemoteDialect {
    /// `/v1/chat/completions`.
    #[default]
    OpenAi,
    /// `/api/chat`.
    Ollama,
}

impl EngineKind {
    /// The value of `kind` in plans and in the status of engines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Sim => "sim",
            Self::Ollama => "ollama",
            Self::LlamaServer => "llama-server",
            Self::Vllm => "vllm",
            Self::Remote => "remote",
        }
    }

    /// Whether model files must be present on this machine.
    pub const fn needs_models(self) -> bool {
        matches!(self, Self::Llama)
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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

    /// Settings of an engine in this process.
    pub fn local(&self) -> &LocalSpec {
        match &self.spec {
            EngineSpec::Llama(LlamaSpec { local, .. }) | EngineSpec::Sim(local) => local,
        }
    }

    /// Attention algorithm; `None` for kinds without a choice.
    pub fn attention(&self) -> Option<Attention> {
        match &self.spec {
            EngineSpec::Llama(llama) => Some(llama.attention),
            EngineSpec::Sim(_) => None,
        }
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

/// Kind-specific fields of an engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum EngineSpec {
    /// llama.cpp in this process.
    Llama(LlamaSpec),
    /// A simulated machine; the model file only states the simulated shape.
    Sim(LocalSpec),
}

impl EngineSpec {
    /// The kind.
    pub const fn kind(&self) -> EngineKind {
        match self {
            Self::Llama(_) => EngineKind::Llama,
            Self::Sim(_) => EngineKind::Sim,
        }
    }
}

/// llama.cpp in this process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LlamaSpec {
    /// Settings shared by all engines of this process.
    #[serde(flatten)]
    pub local: LocalSpec,
    /// Attention algorithm.
    pub attention: Attention,
}

/// Compute and batching settings of an engine in this process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalSpec {
    /// The GGUF file; `None` in a plan for another machine or an absent model.
    pub path: Option<PathBuf>,
    /// Compute threads.
    pub threads: u32,
    /// Layout of the KV cache.
    pub kv_layout: KvLayout,
    /// Element type of the KV cache.
    pub kv_type: KvType,
    /// Total cells of the KV cache; 0 for an encoder.
    pub kv_tokens: u64,
    /// Pooling of an engine that computes embeddings; `None` for one that generates text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
}

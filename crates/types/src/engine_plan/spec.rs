//! Kind-specific fields of an engine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Attention, EngineKind, EngineProgram, KvLayout, RemoteDialect};
use crate::model::{KvType, Pooling};
use crate::units::Tokens;

/// Kind-specific fields of an engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum EngineSpec {
    /// llama.cpp in this process.
    Llama(LlamaSpec),
    /// A simulated machine; the model file only states the simulated shape.
    Sim(LocalSpec),
    /// A server program of others, run by us as a child process.
    Process(ProcessSpec),
    /// A server that already runs, here or elsewhere.
    Remote(RemoteSpec),
}

impl EngineSpec {
    /// The kind; that of its program for a child process.
    pub const fn kind(&self) -> EngineKind {
        match self {
            Self::Llama(_) => EngineKind::Llama,
            Self::Sim(_) => EngineKind::Sim,
            Self::Process(process) => process.program.kind(),
            Self::Remote(_) => EngineKind::Remote,
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

/// A server program of others, run by us as a child process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// The program.
    pub program: EngineProgram,
    /// Its executable; `None` finds it on `PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<PathBuf>,
    /// The GGUF file (vLLM: a model folder); `None` in a plan for another machine or an absent
    /// model.
    pub path: Option<PathBuf>,
    /// Compute threads.
    pub threads: u32,
    /// Context of each slot: one for all agents of the engine, so that none makes another reload
    /// the model.
    pub context: Tokens,
    /// Element type of the KV cache.
    pub kv_type: KvType,
    /// Attention algorithm.
    pub attention: Attention,
}

/// A server that already runs, here or elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemoteSpec {
    /// Base address, without `/v1`, as [`RemoteUrl`](super::RemoteUrl) normalises it.
    pub url: String,
    /// API that is spoken there.
    pub dialect: RemoteDialect,
    /// Environment variable that holds the key; never the key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// Name of the model there. In JSON, `model` is the base model.
    #[serde(rename = "remote_model")]
    pub model: String,
    /// Context of each request there; `None` where it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Tokens>,
    /// Whether prompts leave this machine: the host is not loopback.
    pub leaves_machine: bool,
}

//! What the planner must know of a model: its shape, and the file that holds it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::provenance::Provenance;
use crate::units::{Bytes, Tokens};

/// KV geometry of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerKv {
    /// Key/value heads; 0 where the layer keeps no KV cache (recurrent or shared).
    pub kv_heads: u32,
    /// Elements of one key head.
    pub key_length: u32,
    /// Elements of one value head.
    pub value_length: u32,
    /// Sliding window in tokens; `None` is full attention.
    pub window: Option<Tokens>,
}

/// Element type of the KV cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvType {
    /// 2 bytes an element.
    #[default]
    F16,
    /// 34 bytes per 32 elements.
    Q8_0,
}

impl KvType {
    /// Bytes of a block and elements in it, so that sizes stay integral.
    pub const fn block(self) -> (u64, u64) {
        match self {
            Self::F16 => (2, 1),
            Self::Q8_0 => (34, 32),
        }
    }
}

/// The token embedding of a model that also uses it as its output matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TiedEmbedding {
    /// Its tensor type (`Q8_0` …).
    pub format: String,
    /// Its bytes as stored.
    pub bytes: Bytes,
}

/// What the recurrent layers of a model keep for each sequence, however long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecurrentState {
    /// Layers that keep such a state; they are all of one size.
    pub layers: u32,
    /// Bytes of one sequence in one layer (F32, whatever the type of the KV cache).
    pub layer_bytes: Bytes,
    /// Elements that a token is projected to in such a layer.
    pub inner_length: u32,
}

impl RecurrentState {
    /// Bytes of one sequence.
    pub const fn bytes(self) -> Bytes {
        Bytes(self.layer_bytes.0.saturating_mul(self.layers as u64))
    }
}

/// Shape of a model, as its GGUF header or the catalog states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelShape {
    /// GGUF `general.architecture` (`llama`, `qwen3`, `gemma3` …).
    pub architecture: String,
    /// KV geometry, one entry per layer.
    pub layers: Vec<LayerKv>,
    /// State of its recurrent layers; `None` where every layer attends.
    #[serde(default)]
    pub recurrent: Option<RecurrentState>,
    /// Query heads of a layer; where layers differ, the most. 0 where it is not stated.
    #[serde(default)]
    pub query_heads: u32,
    /// Width of the residual stream.
    pub embedding_length: u32,
    /// Inner width of the feed-forward network that one token passes, of all experts in use
    /// together; where layers differ, the widest. 0 where a model has none.
    pub feed_forward_length: u32,
    /// Context the model was trained for.
    pub context_trained: Tokens,
    /// Vocabulary size.
    pub vocabulary: u32,
    /// Weights in all.
    pub parameters: u64,
    /// Weights used per token: fewer than `parameters` in a mixture of experts.
    pub parameters_active: u64,
    /// Experts (E) and experts used per token (k); `None` for a dense model.
    pub experts: Option<(u32, u32)>,
    /// Bytes of all tensors as stored.
    pub weights_bytes: Bytes,
    /// Predominant tensor type (`Q4_1`, `F16` …).
    pub format: String,
    /// Present where the embedding serves as the output matrix too.
    #[serde(default)]
    pub tied_embedding: Option<TiedEmbedding>,
    /// Where these figures come from.
    pub provenance: Provenance,
}

/// A model that lies on this machine's disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Catalog name or file stem.
    pub name: String,
    /// The GGUF file.
    pub path: PathBuf,
    /// sha256 of the file in lower-case hex; `None` where it was found in another tool's cache and
    /// not hashed.
    pub digest: Option<String>,
    /// Its shape, from the header.
    pub shape: ModelShape,
}

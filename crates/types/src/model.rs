//! A model as the planner sees it: its shape, and the file that contains it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::provenance::Provenance;
use crate::units::{Bytes, Tokens};

/// KV geometry of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerKv {
    /// Key/value heads; 0 for a layer without a KV cache (recurrent or shared).
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
    /// 2 bytes per element.
    #[default]
    F16,
    /// 34 bytes per 32 elements.
    Q8_0,
}

impl fmt::Display for KvType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F16 => "f16",
            Self::Q8_0 => "q8_0",
        })
    }
}

impl KvType {
    /// Bytes and elements of a block, so that sizes stay integral.
    pub const fn block(self) -> (u64, u64) {
        match self {
            Self::F16 => (2, 1),
            Self::Q8_0 => (34, 32),
        }
    }
}

/// A token embedding that is also the output matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TiedEmbedding {
    /// Tensor type (`Q8_0` …).
    pub format: String,
    /// Size as stored.
    pub bytes: Bytes,
}

/// State of the recurrent layers per sequence, of a size independent of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecurrentState {
    /// Number of recurrent layers; all states have the same size.
    pub layers: u32,
    /// Bytes of one sequence in one layer (F32, independent of the type of the KV cache).
    pub layer_bytes: Bytes,
    /// Width of a token's projection in a recurrent layer, in elements.
    pub inner_length: u32,
}

impl RecurrentState {
    /// Bytes of one sequence over all layers.
    pub const fn bytes(self) -> Bytes {
        Bytes(self.layer_bytes.0.saturating_mul(self.layers as u64))
    }
}

/// How an embedding model makes one vector of the vectors of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// That of the first token (`[CLS]`).
    Cls,
    /// That of the last token.
    Last,
}

/// Shape of a model, from its GGUF header or the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelShape {
    /// GGUF `general.architecture` (`llama`, `qwen3`, `gemma3` …).
    pub architecture: String,
    /// KV geometry, one entry per layer.
    pub layers: Vec<LayerKv>,
    /// State of its recurrent layers; `None` if every layer is an attention layer.
    #[serde(default)]
    pub recurrent: Option<RecurrentState>,
    /// Query heads of a layer, the maximum over layers; 0 if not stated.
    #[serde(default)]
    pub query_heads: u32,
    /// Width of the residual stream.
    pub embedding_length: u32,
    /// Inner width of the feed-forward network per token: the sum over active experts, the maximum
    /// over layers; 0 if the model has none.
    pub feed_forward_length: u32,
    /// Training context.
    pub context_trained: Tokens,
    /// Vocabulary size.
    pub vocabulary: u32,
    /// Number of weights.
    pub parameters: u64,
    /// Number of weights used per token: fewer than `parameters` in a mixture of experts.
    pub parameters_active: u64,
    /// Experts (E) and experts used per token (k); `None` for a dense model.
    pub experts: Option<(u32, u32)>,
    /// Size of all tensors as stored.
    pub weights_bytes: Bytes,
    /// Predominant tensor type (`Q4_1`, `F16` …).
    pub format: String,
    /// The embedding, if it is also the output matrix.
    #[serde(default)]
    pub tied_embedding: Option<TiedEmbedding>,
    /// Pooling of an embedding model; `None` for a model that generates text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Source of these figures.
    pub provenance: Provenance,
}

impl ModelShape {
    /// Whether it is an encoder: an embedding model without a KV cache, which computes every input
    /// as a whole.
    pub fn is_encoder(&self) -> bool {
        let uncached = self.layers.iter().all(|layer| layer.kv_heads == 0);
        self.pooling.is_some() && uncached && self.recurrent.is_none()
    }
}

/// A model file on this machine's disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Catalog name or file stem.
    pub name: String,
    /// The GGUF file.
    pub path: PathBuf,
    /// sha256 of the file in lower-case hex; `None` for a file found in another tool's cache, which
    /// was not hashed.
    pub digest: Option<String>,
    /// Shape, from the header.
    pub shape: ModelShape,
}

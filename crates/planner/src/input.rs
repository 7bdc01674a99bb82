//! Planner input other than hardware and stack: models and options.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harmonic_types::{
    AgentName, BudgetRule, Bytes, EngineChoice, KvType, ModelShape, Provenance, Sharing, Tokens,
    TunedConfig,
};

/// A base model, present on disk or known only by its shape.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedModel {
    /// Name (`smollm2:135m`).
    pub name: String,
    /// GGUF file; `None` where it is not on disk.
    pub path: Option<PathBuf>,
    /// SHA-256 of the file; `None` where unknown.
    pub digest: Option<String>,
    /// Dimensions of the model.
    pub shape: ModelShape,
    /// Figures declared by the paper; `None` where it does not cover the model.
    pub paper: Option<PaperFigures>,
}

impl PlannedModel {
    /// A model of which only the name is known, for agents whose server has it.
    pub fn elsewhere(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            path: None,
            digest: None,
            shape: ModelShape {
                architecture: String::new(),
                layers: Vec::new(),
                recurrent: None,
                query_heads: 0,
                embedding_length: 0,
                feed_forward_length: 0,
                context_trained: Tokens(0),
                vocabulary: 0,
                parameters: 0,
                parameters_active: 0,
                experts: None,
                tied_embedding: None,
                pooling: None,
                weights_bytes: Bytes::ZERO,
                format: String::new(),
                provenance: Provenance::Declared,
            },
            paper: None,
        }
    }
}

/// Memory of a model as declared by the paper (§5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaperFigures {
    /// Base weights.
    pub base: Bytes,
    /// KV cache of one slot, independent of its context.
    pub kv_per_slot: Bytes,
}

impl PaperFigures {
    /// KV cache of `slots` slots.
    pub fn kv(self, slots: u64) -> Bytes {
        Bytes(self.kv_per_slot.0.saturating_mul(slots))
    }

    /// `base_weights + num_parallel × kv_cache_per_slot` (§5.3).
    pub fn memory(self, slots: u64) -> Bytes {
        Bytes(self.base.0.saturating_add(self.kv(slots).0))
    }
}

/// Planner options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanOptions {
    /// Whether agents on one base model share an engine.
    pub sharing: Sharing,
    /// Rule by which the ledger is computed.
    pub budget: BudgetRule,
    /// Element type of the KV caches; `None` is `f16`, or `q8_0` where the budget requires it and it
    /// was measured to be faithful.
    pub kv_type: Option<KvType>,
    /// Slots wanted for some agents, instead of the targets of their tiers.
    pub slots: BTreeMap<AgentName, u32>,
    /// Engine of the agents for which the stack states none.
    pub engine: EngineChoice,
    /// Configs measured with this build's engines in this process.
    pub tuned: Vec<TunedConfig>,
}

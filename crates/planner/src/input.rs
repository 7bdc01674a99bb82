//! What a plan is made from, beside the hardware and the stack.

use std::path::PathBuf;

use harmonic_types::{BudgetRule, Bytes, EngineKind, KvType, ModelShape, Sharing, TunedConfig};

/// A base model as the planner needs it: present on disk, or only known by its shape.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedModel {
    /// Its name (`smollm2:135m`).
    pub name: String,
    /// The GGUF file; `None` where it is not here.
    pub path: Option<PathBuf>,
    /// sha256 of the file, where known.
    pub digest: Option<String>,
    /// Its shape.
    pub shape: ModelShape,
    /// What the paper declares of it, where it does.
    pub paper: Option<PaperFigures>,
}

/// The paper's declared memory of a model (§5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaperFigures {
    /// Base weights.
    pub base: Bytes,
    /// KV cache of one slot, whatever its context.
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

/// How to plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanOptions {
    /// How agents on one base model relate.
    pub sharing: Sharing,
    /// Which arithmetic fills the ledger.
    pub budget: BudgetRule,
    /// Element type of the KV caches.
    pub kv_type: KvType,
    /// Kind of the engines.
    pub engine_kind: EngineKind,
    /// What was measured with engines of this kind and build.
    pub tuned: Vec<TunedConfig>,
}

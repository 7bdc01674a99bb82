//! Cost model: memory footprint of one model's engine for a given set of slots.
//!
//! | line | exact rule |
//! |---|---|
//! | weights | bytes of all tensors (`weights.rs`) |
//! | KV | [`KvCost::cache`] of the layout below |
//! | state | [`KvCost::states`]: recurrent layers, per sequence |
//! | compute | graph and outputs (`compute.rs`) |
//! | overhead | [`overhead`], an estimate |
//! | prefix | KV of each placed agent's system prompt, [`prefix_tokens`], an estimate; and conversations, from the rest of the budget |
//! | park | preempted sequences, from the rest of the budget |
//!
//! **Layout.** `streams` gives each sequence max(context) cells. `unified` is one pool with room
//! for the `sequences` largest slots, in which every sequence attends over the whole pool. Grants
//! are computed with the cheaper of the two; where streams allow the same grants, the engine uses
//! streams (`kv_layout.rs`).
//!
//! **Programs of others and servers elsewhere** count what `runtime.rs` says; the former always have
//! streams, and one context for all their agents.
//!
//! **Embeddings** have a rule of their own (`embedding.rs`).
//!
//! **The paper's rule** (§5.3) counts only base weights and KV per slot, independent of the context
//! and of the number of slots that can be in use at once.
//!
//! Invariant: the cost is monotonic in slots and contexts; the allocation relies on it.

use std::collections::BTreeMap;

use harmonic_perfmodel::{CacheShape, KvCost, aligned};
use harmonic_types::{
    Attention, BudgetRule, Bytes, Device, EnginePlan, KvLayout, KvType, ModelShape, Tokens,
};

use crate::attention::{MAX_PLAIN_CELLS, plain_is_faster};
use crate::compute::{compute, work};
use crate::embedding;
use crate::footprint::Footprint;
use crate::input::{PaperFigures, PlannedModel};
use crate::runtime::Runtime;
use crate::weights::{has_amx, weights};

/// Maximum number of sequences of one engine.
pub const MAX_SEQUENCES: u32 = EnginePlan::MAX_SEQUENCES;

/// Tokens of a physical batch, llama.cpp's default.
pub const N_UBATCH: u32 = 512;

/// Number of slots by context (cells, aligned).
pub type SlotsByContext = BTreeMap<u64, u64>;

/// Memory cost model of one model's engine.
#[derive(Clone, Debug)]
pub struct CostModel<'a> {
    shape: &'a ModelShape,
    kv: KvCost,
    kv_type: KvType,
    /// Figures of the paper's rule; `None` for the exact rule.
    paper: Option<PaperFigures>,
    max_in_flight: u32,
    /// Required layout; `None` selects the cheaper one.
    layout: Option<KvLayout>,
    /// Whether plain attention is faster in streams.
    plain_is_faster: bool,
    /// Whether the device uses AMX kernels.
    amx: bool,
    runtime: Runtime,
}

impl<'a> CostModel<'a> {
    /// Cost model of `model`; `None` under the paper's rule if the paper has no figures for it.
    pub fn of(
        model: &'a PlannedModel,
        rule: BudgetRule,
        kv_type: KvType,
        max_in_flight: u32,
    ) -> Option<Self> {
        let paper = match rule {
            BudgetRule::Exact => None,
            BudgetRule::Paper => Some(model.paper?),
        };
        let kv = KvCost::of(&model.shape, kv_type);
        Some(Self {
            shape: &model.shape,
            kv,
            kv_type,
            paper,
            max_in_flight,
            layout: None,
            plain_is_faster: false,
            amx: false,
            runtime: Runtime::InProcess,
        })
    }

    /// This cost model for an engine that computes there. One elsewhere costs nothing, by any rule.
    pub(crate) fn on(self, runtime: Runtime) -> Self {
        match runtime {
            Runtime::InProcess => Self { runtime, ..self },
            Runtime::Program(_) => Self { runtime, layout: Some(KvLayout::Streams), ..self },
            Runtime::Elsewhere => {
                Self { runtime, layout: Some(KvLayout::Streams), paper: None, ..self }
            }
        }
    }

    /// Where the engine computes.
    pub(crate) fn runtime(&self) -> Runtime {
        self.runtime
    }

    /// Whether the engine retains snapshots and preempted sequences.
    pub(crate) fn retains(&self) -> bool {
        self.runtime == Runtime::InProcess && !self.computes_embeddings()
    }

    fn overhead(&self) -> Bytes {
        overhead(self.shape) + self.runtime.overhead()
    }

    /// This cost model with a fixed layout, cheaper or not.
    pub fn with_layout(self, layout: KvLayout) -> Self {
        Self { layout: Some(layout), ..self }
    }

    /// This cost model for `device`; before, it holds for any device.
    pub fn for_device(self, device: &Device) -> Self {
        let plain_is_faster = plain_is_faster(device.kind, self.kv_type);
        Self { plain_is_faster, amx: has_amx(device), ..self }
    }

    /// `footprint` with plain attention; `None` where that is not faster, where contexts are so
    /// large that prefill would take too long ([`MAX_PLAIN_CELLS`]), where the number of heads is
    /// unknown, and where there are windows: a restored window is stored in other cells than
    /// before, plain products sum in cell order, and the output would not be bit-identical.
    pub(crate) fn plain(&self, footprint: &Footprint) -> Option<Footprint> {
        let streams = footprint.layout == KvLayout::Streams;
        let short = footprint.mean_context <= MAX_PLAIN_CELLS;
        (self.prefers_plain() && streams && short)
            .then(|| self.with_attention(Attention::Plain, footprint))
    }

    /// Whether plain attention is possible, and faster for short contexts in streams.
    pub(crate) fn prefers_plain(&self) -> bool {
        let full = self.shape.layers.iter().all(|layer| layer.window.is_none());
        self.plain_is_faster
            && self.runtime.chooses_attention()
            && self.is_exact()
            && full
            && self.shape.query_heads > 0
    }

    /// `footprint`, whose layout is streams, with another number of sequences of the same context.
    pub(crate) fn with_sequences(&self, footprint: &Footprint, sequences: u32) -> Footprint {
        if self.runtime == Runtime::Elsewhere {
            return Footprint { sequences, ..*footprint };
        }
        let cells = footprint.cells();
        let cache = CacheShape { layout: KvLayout::Streams, cells, sequences, n_ubatch: N_UBATCH };
        let more = Footprint {
            sequences,
            kv_tokens: cells.saturating_mul(sequences.into()),
            kv: self.kv.cache(cache),
            state: self.kv.states(sequences),
            ..*footprint
        };
        self.with_attention(footprint.attention, &more)
    }

    /// Most sequences of an engine, whatever its slots.
    pub(crate) fn max_sequences(&self) -> u32 {
        self.max_in_flight.min(MAX_SEQUENCES)
    }

    /// `footprint` with this attention kernel, by the exact rule.
    pub fn with_attention(&self, attention: Attention, footprint: &Footprint) -> Footprint {
        let cells = footprint.cells();
        let Footprint { layout, sequences, .. } = *footprint;
        let cache = CacheShape { layout, cells, sequences, n_ubatch: N_UBATCH };
        Footprint {
            attention,
            compute: compute(self.shape, cache, attention),
            overhead: self.overhead() + work(self.shape, cache, attention),
            ..*footprint
        }
    }

    /// Whether the engine computes embeddings: it retains nothing between batches.
    pub(crate) fn computes_embeddings(&self) -> bool {
        self.shape.pooling.is_some()
    }

    /// Whether the exact rule applies.
    pub(crate) fn is_exact(&self) -> bool {
        self.paper.is_none()
    }

    /// Bytes of a snapshot of this many tokens.
    pub(crate) fn snapshot(&self, prefix: Tokens) -> Bytes {
        match self.paper {
            None if self.retains() => self.kv.read(prefix),
            _ => Bytes::ZERO,
        }
    }

    /// Element type of the KV cache.
    pub(crate) fn kv_type(&self) -> KvType {
        self.kv_type
    }

    /// Bytes of `slots` slots of `context` cells, each with its own cells and states.
    pub fn slots_kv(&self, slots: u32, context: u64) -> Bytes {
        if let Some(paper) = self.paper {
            paper.kv(slots.into())
        } else if self.computes_embeddings() || self.runtime == Runtime::Elsewhere {
            Bytes::ZERO
        } else {
            let cells = self.kv.cache(CacheShape {
                layout: KvLayout::Streams,
                cells: context,
                sequences: slots,
                n_ubatch: N_UBATCH,
            });
            let states = if slots > 0 { self.kv.states(slots) } else { Bytes::ZERO };
            Bytes(cells.0.saturating_add(states.0))
        }
    }

    /// Footprint of an engine with these slots, without prefixes.
    pub fn engine(&self, slots: &SlotsByContext) -> Footprint {
        if self.computes_embeddings() {
            return embedding::footprint(
                self.shape,
                &self.kv,
                weights(self.shape, self.amx),
                slots,
            );
        }
        let all: u64 = slots.values().sum();
        let streams = self.engine_in(KvLayout::Streams, slots);
        let unified = self.engine_in(KvLayout::Unified, slots);
        let exact = match self.layout {
            Some(KvLayout::Streams) => streams,
            None if streams.total() <= unified.total() => streams,
            None | Some(KvLayout::Unified) => unified,
        };
        match self.paper {
            None => exact,
            Some(paper) => Footprint {
                weights: paper.base,
                kv: paper.kv(all),
                state: Bytes::ZERO,
                compute: Bytes::ZERO,
                overhead: Bytes::ZERO,
                ..exact
            },
        }
    }

    /// Footprint of an engine with these slots in this layout, by the exact rule, without prefixes.
    pub fn engine_in(&self, layout: KvLayout, slots: &SlotsByContext) -> Footprint {
        let all: u64 = slots.values().sum();
        if self.runtime == Runtime::Elsewhere {
            return Footprint::elsewhere(slots);
        }
        let sequences = u64::from(self.max_sequences()).min(all);
        let sequences = u32::try_from(sequences).expect("at most MAX_SEQUENCES");
        let cells = match layout {
            KvLayout::Streams => largest_context(slots),
            KvLayout::Unified => aligned(sum_of_largest(slots, sequences.into())),
        };
        let cache = CacheShape { layout, cells, sequences, n_ubatch: N_UBATCH };
        Footprint {
            layout,
            attention: Attention::Flash,
            sequences,
            kv_tokens: match layout {
                KvLayout::Streams => cells.saturating_mul(sequences.into()),
                KvLayout::Unified => cells,
            },
            mean_context: mean_context(slots),
            weights: weights(self.shape, self.amx),
            kv: self.kv.cache(cache),
            state: self.kv.states(sequences),
            prefix: Bytes::ZERO,
            preempt: Bytes::ZERO,
            compute: compute(self.shape, cache, Attention::Flash),
            overhead: self.overhead(),
        }
    }
}

pub(crate) fn mean_context(slots: &SlotsByContext) -> u64 {
    let cells = slots.iter().map(|(context, count)| u128::from(*context) * u128::from(*count));
    let all: u64 = slots.values().sum();
    u64::try_from(cells.sum::<u128>() / u128::from(all.max(1))).unwrap_or(u64::MAX)
}

pub(crate) fn largest_context(slots: &SlotsByContext) -> u64 {
    slots.last_key_value().map_or(0, |(context, _)| *context)
}

/// Σ of the contexts of the `sequences` largest slots.
fn sum_of_largest(slots: &SlotsByContext, mut sequences: u64) -> u64 {
    let mut sum = 0u64;
    for (context, count) in slots.iter().rev() {
        let taken = sequences.min(*count);
        sum = sum.saturating_add(context.saturating_mul(taken));
        sequences -= taken;
    }
    sum
}

/// Estimated tokens of an agent's shared prefix: one per 3 bytes of its system prompt (English has
/// about 4 bytes per token, code and other languages fewer) plus 64 for the template.
pub fn prefix_tokens(system: &str) -> Tokens {
    Tokens(u32::try_from(system.len().div_ceil(3) + 64).unwrap_or(u32::MAX))
}

/// Estimated other memory of an engine, from the resident size measured beyond the other lines
/// (`cargo bench -p harmonic-llama --bench memory`): 17 MB for code, threads, graphs and work
/// buffers, and 186 bytes per vocabulary entry (its text in three tables, a score, its merges).
pub fn overhead(shape: &ModelShape) -> Bytes {
    Bytes(17_000_000 + 186 * u64::from(shape.vocabulary))
}

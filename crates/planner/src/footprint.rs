//! What an engine holds in memory, line by line, for the slots that it must serve.
//!
//! | line | exact rule |
//! |---|---|
//! | weights | bytes of all tensors (`weights.rs`) |
//! | KV | [`KvCost::cache`] of the layout below |
//! | state | [`KvCost::states`]: of recurrent layers, for each sequence |
//! | compute | what the graph and its outputs take (`compute.rs`) |
//! | overhead | [`overhead`], an estimate |
//! | prefix | KV of each placed agent's system prompt, [`prefix_tokens`], an estimate; and conversations, of what the budget leaves |
//! | park | sequences that gave a borrowed slot back, of what the budget leaves |
//!
//! **Layout.** `streams` gives each sequence max(context) cells. `unified` is one pool with room
//! for the `sequences` largest slots, in which every sequence attends over the whole pool. What the
//! agents get is reckoned with the cheaper of both; where streams then give them the same, the engine
//! has streams (`layout.rs`).
//!
//! **The paper's rule** (§5.3) counts base weights and KV per slot, whatever the context and however
//! many slots can be live, and nothing else.
//!
//! Invariant: more slots or a larger context never cost less; the allocation relies on it.

use std::collections::BTreeMap;

use harmonic_perfmodel::{CacheShape, KvCost, aligned};
use harmonic_types::{
    Attention, BudgetRule, Bytes, Device, EnginePlan, KvLayout, KvType, ModelShape, Tokens,
};

use crate::attention::{PLAIN_CELLS, plain_pays};
use crate::compute::{compute, work};
use crate::input::{PaperFigures, PlannedModel};
use crate::weights::{has_amx, weights};

/// Most sequences of one engine.
pub const MAX_SEQUENCES: u32 = EnginePlan::MAX_SEQUENCES;

/// Tokens of a physical batch: llama.cpp's default.
pub const N_UBATCH: u32 = 512;

/// Slots by context (cells, aligned).
pub type SlotsByContext = BTreeMap<u64, u64>;

/// What one engine costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Layout of the KV cache.
    pub layout: KvLayout,
    /// How attention is computed.
    pub attention: Attention,
    /// Sequences of the context.
    pub sequences: u32,
    /// Cells of the KV cache in all.
    pub kv_tokens: u64,
    /// Mean context of the slots, in cells.
    pub mean_context: u64,
    /// Weights.
    pub weights: Bytes,
    /// KV cache.
    pub kv: Bytes,
    /// States of recurrent layers.
    pub state: Bytes,
    /// Snapshots of the agents' system prompts and of conversations.
    pub prefix: Bytes,
    /// Parked sequences.
    pub park: Bytes,
    /// Compute buffers.
    pub compute: Bytes,
    /// All else.
    pub overhead: Bytes,
}

impl Footprint {
    /// Sum of all lines.
    pub fn total(&self) -> Bytes {
        let kept = [self.weights, self.kv, self.state, self.prefix, self.park];
        let lines = kept.into_iter().chain([self.compute, self.overhead]);
        Bytes(lines.fold(0, |sum: u64, line| sum.saturating_add(line.0)))
    }

    /// Cells that one sequence attends over at most: those of its stream, or of the whole cache.
    fn cells(&self) -> u64 {
        match self.layout {
            KvLayout::Streams => self.kv_tokens / u64::from(self.sequences.max(1)),
            KvLayout::Unified => self.kv_tokens,
        }
    }
}

/// The prices of one model's engine.
#[derive(Clone, Debug)]
pub struct Pricing<'a> {
    shape: &'a ModelShape,
    kv: KvCost,
    kv_type: KvType,
    /// Present under the paper's rule.
    paper: Option<PaperFigures>,
    max_in_flight: u32,
    /// The only layout; `None` takes the cheaper.
    layout: Option<KvLayout>,
    /// Whether plain attention is the faster in streams.
    plain_pays: bool,
    /// Whether it computes with AMX.
    amx: bool,
}

impl<'a> Pricing<'a> {
    /// Prices of `model`; `None` when the paper's rule is asked for and the paper has no figures.
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
            plain_pays: false,
            amx: false,
        })
    }

    /// The same with this layout, whatever it costs.
    pub fn in_layout(self, layout: KvLayout) -> Self {
        Self { layout: Some(layout), ..self }
    }

    /// The same on `device`; without one, what holds on any.
    pub fn on(self, device: &Device) -> Self {
        let plain_pays = plain_pays(device.kind, self.kv_type);
        Self { plain_pays, amx: has_amx(device), ..self }
    }

    /// `footprint` with plain attention; `None` where that is not the faster, where slots may hold so
    /// much that long prompts would take too long ([`PLAIN_CELLS`]), where the model does
    /// not say how many heads it has, and where it has windows: a restored window lies in other
    /// cells than before, in whose order the plain products sum, and would answer with other bits.
    pub(crate) fn plain(&self, footprint: &Footprint) -> Option<Footprint> {
        let pays = self.plain_pays && self.is_exact() && footprint.layout == KvLayout::Streams;
        let short = footprint.mean_context <= PLAIN_CELLS;
        let full = self.shape.layers.iter().all(|layer| layer.window.is_none());
        (pays && short && full && self.shape.query_heads > 0)
            .then(|| self.with_attention(Attention::Plain, footprint))
    }

    /// `footprint` with attention computed this way, by the exact rule.
    pub fn with_attention(&self, attention: Attention, footprint: &Footprint) -> Footprint {
        let cells = footprint.cells();
        let Footprint { layout, sequences, .. } = *footprint;
        let cache = CacheShape { layout, cells, sequences, n_ubatch: N_UBATCH };
        Footprint {
            attention,
            compute: compute(self.shape, cache, attention),
            overhead: overhead(self.shape) + work(self.shape, cache, attention),
            ..*footprint
        }
    }

    /// Whether this is the exact rule.
    pub(crate) fn is_exact(&self) -> bool {
        self.paper.is_none()
    }

    /// A snapshot of this system prompt.
    pub fn prefix(&self, system: &str) -> Bytes {
        match self.paper {
            Some(_) => Bytes::ZERO,
            None => self.kv.read(prefix_tokens(system)),
        }
    }

    /// Bytes of `slots` slots of `context` cells, each with cells and states of its own.
    pub fn slots_kv(&self, slots: u32, context: u64) -> Bytes {
        if let Some(paper) = self.paper {
            paper.kv(slots.into())
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

    /// What an engine with these slots costs, prefixes apart.
    pub fn engine(&self, slots: &SlotsByContext) -> Footprint {
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

    /// The same in this layout, by the exact rule.
    pub fn engine_in(&self, layout: KvLayout, slots: &SlotsByContext) -> Footprint {
        let all: u64 = slots.values().sum();
        let sequences = u64::from(self.max_in_flight.min(MAX_SEQUENCES)).min(all);
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
            park: Bytes::ZERO,
            compute: compute(self.shape, cache, Attention::Flash),
            overhead: overhead(self.shape),
        }
    }
}

fn mean_context(slots: &SlotsByContext) -> u64 {
    let cells = slots.iter().map(|(context, count)| u128::from(*context) * u128::from(*count));
    let all: u64 = slots.values().sum();
    u64::try_from(cells.sum::<u128>() / u128::from(all.max(1))).unwrap_or(u64::MAX)
}

fn largest_context(slots: &SlotsByContext) -> u64 {
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

/// Tokens of an agent's shared prefix, estimated: a token for each 3 bytes of its system prompt
/// (English takes about 4, code and other languages fewer) and 64 for the template around it.
pub fn prefix_tokens(system: &str) -> Tokens {
    Tokens(u32::try_from(system.len().div_ceil(3) + 64).unwrap_or(u32::MAX))
}

/// What else an engine holds, estimated from what was measured beyond the other lines (`cargo bench
/// -p harmonic-llama --bench memory`): 17 MB for code, threads, graphs and work buffers, and 186
/// bytes for each entry of the vocabulary (its text in three tables, a score, its merges).
pub fn overhead(shape: &ModelShape) -> Bytes {
    Bytes(17_000_000 + 186 * u64::from(shape.vocabulary))
}

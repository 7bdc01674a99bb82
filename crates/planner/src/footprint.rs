//! What an engine holds in memory, line by line, for the slots that it must serve.
//!
//! | line | exact rule |
//! |---|---|
//! | weights | bytes of all tensors |
//! | KV | [`KvCost::cache`] of the layout below |
//! | compute | [`compute`], an estimate |
//! | overhead | [`overhead`], an estimate |
//! | prefix | KV of each placed agent's system prompt, [`prefix_tokens`], an estimate |
//! | park | 0: sequences are not parked yet |
//!
//! **Layout.** `streams` gives each sequence max(context) cells. `unified` is one pool with room
//! for the `sequences` largest slots, in which every sequence attends over the whole pool. Streams
//! are taken when they cost no more (as when all contexts are equal), else the pool; unless one was
//! measured to be the faster and still gives every agent the same ([`crate::plan()`]).
//!
//! **The paper's rule** (§5.3) counts base weights and KV per slot, whatever the context and however
//! many slots can be live, and nothing else.
//!
//! Invariant: more slots or a larger context never cost less; the allocation relies on it.

use std::collections::BTreeMap;

use harmonic_laws::{CacheShape, KvCost, aligned};
use harmonic_types::{BudgetRule, Bytes, KvLayout, KvType, ModelShape, Tokens};

use crate::input::{PaperFigures, PlannedModel};

/// `LLAMA_MAX_SEQ` of llama.cpp (`llama-cparams.h`).
pub const MAX_SEQUENCES: u32 = 256;

/// Tokens of a physical batch: llama.cpp's default.
pub const N_UBATCH: u32 = 512;

/// Slots by context (cells, aligned).
pub type SlotsByContext = BTreeMap<u64, u64>;

/// What one engine costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Layout of the KV cache.
    pub layout: KvLayout,
    /// Sequences of the context.
    pub sequences: u32,
    /// Cells of the KV cache in all.
    pub kv_tokens: u64,
    /// Weights.
    pub weights: Bytes,
    /// KV cache.
    pub kv: Bytes,
    /// Snapshots of the agents' system prompts.
    pub prefix: Bytes,
    /// Compute buffers.
    pub compute: Bytes,
    /// All else.
    pub overhead: Bytes,
}

impl Footprint {
    /// Sum of all lines.
    pub fn total(&self) -> Bytes {
        let lines = [self.weights, self.kv, self.prefix, self.compute, self.overhead];
        Bytes(lines.into_iter().fold(0, |sum: u64, line| sum.saturating_add(line.0)))
    }
}

/// The prices of one model's engine.
#[derive(Clone, Debug)]
pub struct Pricing<'a> {
    shape: &'a ModelShape,
    kv: KvCost,
    /// Present under the paper's rule.
    paper: Option<PaperFigures>,
    max_in_flight: u32,
    /// The only layout; `None` takes the cheaper.
    layout: Option<KvLayout>,
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
        Some(Self { shape: &model.shape, kv, paper, max_in_flight, layout: None })
    }

    /// The same with this layout, whatever it costs.
    pub fn in_layout(self, layout: KvLayout) -> Self {
        Self { layout: Some(layout), ..self }
    }

    /// A snapshot of this system prompt.
    pub fn prefix(&self, system: &str) -> Bytes {
        match self.paper {
            Some(_) => Bytes::ZERO,
            None => self.kv.read(prefix_tokens(system)),
        }
    }

    /// KV bytes of `slots` slots of `context` cells, each with cells of its own.
    pub fn slots_kv(&self, slots: u32, context: u64) -> Bytes {
        match self.paper {
            Some(paper) => paper.kv(slots.into()),
            None => self.kv.cache(CacheShape {
                layout: KvLayout::Streams,
                cells: context,
                sequences: slots,
                n_ubatch: N_UBATCH,
            }),
        }
    }

    /// What an engine with these slots costs, prefixes apart.
    pub fn engine(&self, slots: &SlotsByContext) -> Footprint {
        let all: u64 = slots.values().sum();
        let sequences = u64::from(self.max_in_flight.min(MAX_SEQUENCES)).min(all);
        let sequences = u32::try_from(sequences).expect("at most MAX_SEQUENCES");
        let streams = self.with_layout(KvLayout::Streams, largest_context(slots), sequences);
        let pool = aligned(sum_of_largest(slots, sequences.into()));
        let unified = self.with_layout(KvLayout::Unified, pool, sequences);
        let exact = match self.layout {
            Some(KvLayout::Streams) => streams,
            None if streams.total() <= unified.total() => streams,
            Some(KvLayout::Unified) | None => unified,
        };
        match self.paper {
            None => exact,
            Some(paper) => Footprint {
                weights: paper.base,
                kv: paper.kv(all),
                compute: Bytes::ZERO,
                overhead: Bytes::ZERO,
                ..exact
            },
        }
    }

    fn with_layout(&self, layout: KvLayout, cells: u64, sequences: u32) -> Footprint {
        let kv = self.kv.cache(CacheShape { layout, cells, sequences, n_ubatch: N_UBATCH });
        Footprint {
            layout,
            sequences,
            kv_tokens: match layout {
                KvLayout::Streams => cells.saturating_mul(sequences.into()),
                KvLayout::Unified => cells,
            },
            weights: self.shape.weights_bytes,
            kv,
            prefix: Bytes::ZERO,
            compute: compute(self.shape, cells, sequences),
            overhead: overhead(self.shape),
        }
    }
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

/// Compute buffers, estimated: 4 bytes for each of
/// - the logits of a physical batch, `N_UBATCH` × vocabulary, and of the outputs that are kept,
///   sequences × vocabulary (`output_reserve` in `llama-context.cpp`);
/// - activations, `N_UBATCH` × 4 × width of the residual stream;
/// - the attention mask of a physical batch, `N_UBATCH` × cells that a sequence can attend to.
pub fn compute(shape: &ModelShape, cells: u64, sequences: u32) -> Bytes {
    const LIVE_ACTIVATIONS: u64 = 4;
    let rows = u64::from(N_UBATCH);
    let vocabulary = u64::from(shape.vocabulary);
    let logits = (rows + u64::from(sequences)) * vocabulary;
    let activations = rows * LIVE_ACTIVATIONS * u64::from(shape.embedding_length);
    let mask = rows.saturating_mul(cells);
    Bytes(logits.saturating_add(activations).saturating_add(mask).saturating_mul(4))
}

/// What else an engine holds, estimated: 32 MB for threads, graph and tables, and 256 bytes for
/// each entry of the vocabulary (its text in two tables and a score).
pub fn overhead(shape: &ModelShape) -> Bytes {
    Bytes(32_000_000 + 256 * u64::from(shape.vocabulary))
}

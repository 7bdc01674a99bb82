//! Memory of an engine that computes embeddings: weights and compute buffers.
//!
//! | line | rule |
//! |---|---|
//! | weights, overhead | as for other engines |
//! | KV | none for an encoder; for a decoder one pool with room for a batch, which is cleared after it |
//! | compute | graph and outputs of one batch, below |
//!
//! llama.cpp pools over a physical batch, so a batch holds each of its inputs as a whole: it has
//! the tokens of the largest context, at least llama.cpp's default. All tokens of a batch are
//! outputs, and llama.cpp has a row of logits for each, computed or not (`output_reserve`,
//! `llama-context.cpp`).
//!
//! Slots are requests in flight, whose inputs share batches; they take no memory.

use harmonic_perfmodel::{CacheShape, KvCost, aligned};
use harmonic_types::{Attention, Bytes, EnginePlan, KvLayout, ModelShape};

use crate::cost_model::{N_UBATCH, SlotsByContext, largest_context, overhead};
use crate::footprint::Footprint;

/// Inputs of one batch, at most: 512 tokens are shared by 64 inputs of 8 tokens, which is short.
const INPUTS: u32 = 64;
const _: () = assert!(INPUTS <= EnginePlan::MAX_SEQUENCES);

/// Widths of the residual stream that are live in addition to a layer's largest part.
const STREAMS: u64 = 5;

/// Footprint of an engine for `shape` with these slots.
pub(crate) fn footprint(
    shape: &ModelShape,
    kv: &KvCost,
    weights: Bytes,
    slots: &SlotsByContext,
) -> Footprint {
    let batch = largest_context(slots).max(N_UBATCH.into());
    let cells = if shape.is_encoder() { 0 } else { aligned(batch) };
    let n_ubatch = u32::try_from(batch).unwrap_or(u32::MAX);
    let layout = KvLayout::Unified;
    Footprint {
        layout,
        attention: Attention::Flash,
        sequences: INPUTS,
        kv_tokens: cells,
        mean_context: batch,
        weights,
        kv: kv.cache(CacheShape { layout, cells, sequences: INPUTS, n_ubatch }),
        state: Bytes::ZERO,
        prefix: Bytes::ZERO,
        preempt: Bytes::ZERO,
        compute: compute(shape, batch),
        overhead: overhead(shape),
    }
}

/// Compute buffers for a batch of `batch` tokens.
fn compute(shape: &ModelShape, batch: u64) -> Bytes {
    // As reserved: a multiple of the sequences.
    let rows = batch.div_ceil(INPUTS.into()).saturating_mul(INPUTS.into());
    let (width, inner) = (u64::from(shape.embedding_length), u64::from(shape.feed_forward_length));
    let vocabulary = u64::from(shape.vocabulary);
    // In F32, and in F16 for the fused kernel.
    let masks = rows.saturating_mul(rows).saturating_mul(4 + 2);
    let live = STREAMS * width + 3 * inner;
    let layers = masks.saturating_add(rows.saturating_mul(live).saturating_mul(4));
    // A decoder computes its logits, too.
    let logits = if shape.is_encoder() { 0 } else { rows.saturating_mul(vocabulary * 4) };
    let outputs = batch.saturating_mul(vocabulary + width).saturating_mul(4);
    Bytes(layers.max(logits).saturating_add(outputs))
}

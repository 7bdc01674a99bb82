//! Attention kernel of each engine: fused ("flash"), or plain matrix products where these are
//! faster and the budget leaves room for their scores.
//!
//! On a CPU, llama.cpp's fused kernel processes a sequence cell by cell, while the plain products
//! use its matrix kernels. Seven agents, 32 streams, 2 cores, F16 cache: 1.6 times the throughput
//! with prompts of 330 tokens and 2.5 times with 1,530
//! (`docs/performance.md#where-the-time-goes`). In a unified cache the plain products would cover
//! the cells of all sequences, and a quantised cache can only be read by the fused kernel.
//!
//! The plain products store every score, so the cost of a prompt grows faster with its length: one
//! of 3,800 tokens took 10.4 s to prefill against 7.3 s with the fused kernel, on 2 cores with AMX.
//! Decoding after 1,500 tokens is cheaper, 54 against 129 ms for 8 streams. The plain products are
//! therefore used by engines whose slots have up to [`MAX_PLAIN_CELLS`] cells on average: a larger
//! context indicates long prompts, and a single agent with one should not slow the others. A context
//! that is allocated but not used costs no time in either kernel (`docs/engine.md#memory`).
//!
//! Where all contexts of an engine are equal, the ladder pays for the scores before slots
//! (`ladder.rs`); here, the other engines get them.
//!
//! Invariant: does not reduce any grant; only the rest of the budget is spent.

use harmonic_types::{Bytes, DeviceKind, KvType};

use crate::cost_model::CostModel;
use crate::footprint::Footprint;

/// Maximum mean number of cells per slot for plain attention.
pub(crate) const MAX_PLAIN_CELLS: u64 = 8192;

/// Whether plain attention is faster on a device of this kind with a cache of this type, in streams.
pub(crate) fn plain_is_faster(device: DeviceKind, kv_type: KvType) -> bool {
    device == DeviceKind::Cpu && kv_type == KvType::F16
}

/// Switches `engines`, in order of priority, to plain attention where that costs at most half of
/// the bytes `left`. Returns the remaining bytes.
pub(crate) fn choose<'a>(
    engines: impl IntoIterator<Item = (&'a mut Footprint, &'a CostModel<'a>)>,
    mut left: Bytes,
) -> Bytes {
    for (footprint, cost_model) in engines {
        let Some(plain) = cost_model.plain(footprint) else { continue };
        let more = plain.total().saturating_sub(footprint.total());
        if more.0 <= left.0 / 2 {
            left = left.saturating_sub(more);
            *footprint = plain;
        }
    }
    left
}

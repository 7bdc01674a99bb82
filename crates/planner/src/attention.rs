//! How each engine computes attention: fused ("flash"), or as plain products where these are faster
//! and the budget leaves room for their scores.
//!
//! On a processor llama.cpp's fused kernel goes through a sequence cell by cell, the plain products
//! go through its matrix kernels. Seven agents, 32 streams, 2 cores, F16 cache: 1.6 times the
//! throughput with prompts of 330 tokens and 2.5 times with 1,530
//! (`docs/performance.md#where-the-time-goes`). In a unified cache the plain products would go over
//! the cells of all sequences, and a quantised cache can only be read by the fused kernel.
//!
//! The plain products write every score down, and what a prompt costs grows faster with its length:
//! one of 3,800 tokens took 10.4 s to prefill where the fused kernel took 7.3 s, on 2 cores with AMX.
//! Each token that is generated after 1,500 others is the cheaper, 54 against 129 ms for 8 streams.
//! So the plain products are for engines whose slots have up to [`PLAIN_CELLS`] on average; who asks
//! for more means to send long prompts, and one agent that does is no reason to slow all others.
//!
//! Invariant: takes nothing from the objective; only what the budget leaves is spent.

use harmonic_types::{Bytes, DeviceKind, KvType};

use crate::footprint::{Footprint, Pricing};

/// Most cells of a slot, on average, that plain attention is for.
pub(crate) const PLAIN_CELLS: u64 = 4096;

/// Whether plain attention is the faster on such a device with such a cache, in streams.
pub(crate) fn plain_pays(device: DeviceKind, kv_type: KvType) -> bool {
    device == DeviceKind::Cpu && kv_type == KvType::F16
}

/// Makes `engines`, in order of priority, compute attention plainly, as long as that takes no more
/// than half of what is `left`. What is left after that.
pub(crate) fn choose<'a>(
    engines: impl IntoIterator<Item = (&'a mut Footprint, &'a Pricing<'a>)>,
    mut left: Bytes,
) -> Bytes {
    for (footprint, pricing) in engines {
        let Some(plain) = pricing.plain(footprint) else { continue };
        let more = plain.total().saturating_sub(footprint.total());
        if more.0 <= left.0 / 2 {
            left = left.saturating_sub(more);
            *footprint = plain;
        }
    }
    left
}

//! Memory footprint of an engine, line by line.
//!
//! Does not do: compute the lines ([`crate::cost_model`]).

use harmonic_types::{Attention, Bytes, KvLayout};

use crate::cost_model::{MAX_SEQUENCES, SlotsByContext, mean_context};

/// Memory of one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Layout of the KV cache.
    pub layout: KvLayout,
    /// Attention kernel.
    pub attention: Attention,
    /// Maximum number of sequences of the context.
    pub sequences: u32,
    /// Total cells of the KV cache.
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
    /// Preempted sequences; `park_bytes` in the plan.
    pub preempt: Bytes,
    /// Compute buffers.
    pub compute: Bytes,
    /// Everything else.
    pub overhead: Bytes,
}

impl Footprint {
    /// An engine with these slots on a server elsewhere: no memory of this machine. Its sequences
    /// are not limited by what this machine computes at once.
    pub(crate) fn elsewhere(slots: &SlotsByContext) -> Self {
        let all: u64 = slots.values().sum();
        Self {
            layout: KvLayout::Streams,
            attention: Attention::Flash,
            sequences: u32::try_from(all).unwrap_or(u32::MAX).min(MAX_SEQUENCES),
            kv_tokens: 0,
            mean_context: mean_context(slots),
            weights: Bytes::ZERO,
            kv: Bytes::ZERO,
            state: Bytes::ZERO,
            prefix: Bytes::ZERO,
            preempt: Bytes::ZERO,
            compute: Bytes::ZERO,
            overhead: Bytes::ZERO,
        }
    }

    /// Sum of all lines.
    pub fn total(&self) -> Bytes {
        let kept = [self.weights, self.kv, self.state, self.prefix, self.preempt];
        let lines = kept.into_iter().chain([self.compute, self.overhead]);
        Bytes(lines.fold(0, |sum: u64, line| sum.saturating_add(line.0)))
    }

    /// Maximum number of cells that one sequence attends over: its stream, or the whole cache.
    pub(crate) fn cells(&self) -> u64 {
        match self.layout {
            KvLayout::Streams => self.kv_tokens / u64::from(self.sequences.max(1)),
            KvLayout::Unified => self.kv_tokens,
        }
    }
}

//! Configuration of the batching of one engine.

use std::time::Duration;

use harmonic_types::{Bytes, KvLayout};

/// Limits of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchingConfig {
    /// Sequences of the machine.
    pub sequences: u32,
    /// Cells of the KV cache.
    pub kv_tokens: u64,
    /// Layout of the KV cache. In streams, a finished sequence may stay where it is until its
    /// place is needed, and gaps between sequence ids cost passes.
    pub kv_layout: KvLayout,
    /// Bytes of a snapshot per token; a first estimate, replaced by what snapshots turn out to be.
    pub token_bytes: Bytes,
    /// Whether the machine can trim a sequence ([`crate::CacheOp::Trim`]).
    pub partial_removal: bool,
    /// Most tokens in one batch.
    pub batch_tokens: u32,
    /// How long a step may take while any sequence decodes: bounds how long a prompt can hold up the
    /// streams. Prefill gets the time that decoding leaves of it, and at least as much as that.
    pub step_time: Duration,
    /// Most bytes of prefix snapshots; 0 turns the prefix cache off.
    pub prefix_bytes: Bytes,
    /// Most bytes of preempted sequences; slots are lent only while the borrowers could all be
    /// preempted within it, so 0 turns lending off.
    pub preempted_bytes: Bytes,
}

impl BatchingConfig {
    /// Cells that one sequence can have: those of its stream, or of the whole pool.
    pub fn sequence_cells(&self) -> u64 {
        match self.kv_layout {
            KvLayout::Streams => self.kv_tokens / u64::from(self.sequences.max(1)),
            KvLayout::Unified => self.kv_tokens,
        }
    }
}

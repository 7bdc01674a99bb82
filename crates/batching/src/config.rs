//! Batching configuration of one engine.

use std::time::Duration;

use harmonic_types::{Bytes, KvLayout};

/// Batching limits of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchingConfig {
    /// Sequences of the machine.
    pub sequences: u32,
    /// Cells of the KV cache.
    pub kv_tokens: u64,
    /// Layout of the KV cache. In the streams layout, finished sequences are retained until needed,
    /// and gaps between sequence ids cost passes.
    pub kv_layout: KvLayout,
    /// Initial estimate of a snapshot's bytes per token, replaced by measured sizes.
    pub token_bytes: Bytes,
    /// Whether the machine supports [`crate::CacheOp::Trim`].
    pub partial_removal: bool,
    /// Limit on tokens in one batch.
    pub batch_tokens: u32,
    /// Bound on the time of a step while any sequence decodes, which limits the delay that prefill
    /// adds to decoding. Prefill gets the time left by decoding, and at least as much as decoding.
    pub step_time: Duration,
    /// Limit on bytes of prefix snapshots; 0 disables the prefix cache.
    pub prefix_bytes: Bytes,
    /// Limit on bytes of preempted sequences. Slots are borrowed only while all borrowers could be
    /// preempted within it, so 0 disables borrowing.
    pub preempted_bytes: Bytes,
}

impl BatchingConfig {
    /// Maximum cells of one sequence: those of its stream, or of the whole pool.
    pub fn sequence_cells(&self) -> u64 {
        match self.kv_layout {
            KvLayout::Streams => self.kv_tokens / u64::from(self.sequences.max(1)),
            KvLayout::Unified => self.kv_tokens,
        }
    }
}

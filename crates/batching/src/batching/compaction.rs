//! Compaction of sequence ids, because gaps between them cost passes.
//!
//! In the streams layout, llama.cpp computes consecutive ids in one pass: 16 live sequences of 32
//! took 19 ms a step when consecutive and 92 ms with every second id free
//! (`docs/sources.md#consecutive-sequences`). Moving a sequence copies its cells, some milliseconds
//! for a few hundred tokens, so it pays off after a few steps; but most gaps are filled at once by
//! the next request, at no cost.
//!
//! Invariants: the moves of a step take no longer than the step-time bound allows beside decoding;
//! the temporary copy fits the memory budgeted for snapshots and preempted sequences. Sequences
//! that would exceed either are not moved.

use harmonic_types::{Bytes, KvLayout};

use super::Batching;
use crate::copy_costs::CopyVolume;
use crate::ids::SeqId;
use crate::step::{CacheOp, Placed};

/// Steps that a gap must last before a sequence is moved into it.
const GAP_STEPS: u32 = 3;
/// Sequences with fewer tokens left to generate are not moved.
const NEARLY_DONE_TOKENS: u32 = 4;

impl Batching {
    /// Moves the highest sequences into the lowest gaps, once these have lasted [`GAP_STEPS`].
    pub(super) fn compact(&mut self) {
        let highest = |batching: &Self| batching.live.last_key_value().map(|(seq, _)| *seq);
        if self.config.kv_layout == KvLayout::Unified
            || highest(self).is_none_or(|seq| seq < self.lowest_free())
        {
            self.gapped = 0;
            return;
        }
        self.gapped += 1;
        if self.gapped < GAP_STEPS {
            return;
        }
        while let Some(from) = highest(self)
            && from > self.lowest_free()
        {
            let to = self.lowest_free();
            let sequence = &self.live[&from];
            let nearly_done = sequence.is_decoding() && sequence.output_left() < NEARLY_DONE_TOKENS;
            if nearly_done || !self.may_move(u64::from(sequence.computed), to) {
                return;
            }
            let tokens = u64::from(sequence.computed);
            self.move_tokens(from, to, tokens);
            if let Some(sequence) = self.live.remove(&from) {
                self.moved.push(Placed { id: sequence.id, seq: to });
                self.live.insert(to, sequence);
            }
        }
    }

    /// Whether `tokens` tokens may be moved to `to` in this step, saving what `to` retains first.
    pub(super) fn may_move(&self, tokens: u64, to: SeqId) -> bool {
        let bytes = self.bytes_for(tokens);
        let mut copied = self.copied;
        copied += CopyVolume::across(bytes);
        copied += CopyVolume::saving(self.bytes_of(self.retained.held(to)));
        self.rates().copy_s(copied) <= self.budget.beside_decoding_s()
            && self.prefix_cache.could_free(self.beyond_preempted(bytes))
    }

    /// Moves all of `from`, which holds `tokens` tokens, to `to`.
    pub(super) fn move_tokens(&mut self, from: SeqId, to: SeqId, tokens: u64) {
        self.evict(to);
        if tokens == 0 {
            return;
        }
        let bytes = self.bytes_for(tokens);
        let discarded = self.prefix_cache.make_room(self.beyond_preempted(bytes));
        self.cache.extend(discarded);
        self.copied += CopyVolume::across(bytes);
        self.cache.push(CacheOp::Move { from, to });
    }

    /// Part of `bytes` that does not fit beside the preempted sequences.
    fn beyond_preempted(&self, bytes: Bytes) -> Bytes {
        let preempted = self.bytes_for(self.preempted_tokens());
        bytes.saturating_sub(self.config.preempted_bytes.saturating_sub(preempted))
    }
}

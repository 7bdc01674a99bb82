//! Keeping the live sequence ids consecutive, where gaps cost passes.
//!
//! In streams, llama.cpp computes consecutive ids in one pass: 16 live sequences of 32 took 19 ms a
//! step side by side and 92 ms with every second id free
//! (`docs/sources.md#consecutive-sequences`). Moving a sequence is a copy of its cells, some
//! milliseconds for some hundred tokens, so it is worth it from a few steps on; but most gaps are
//! filled at once by the next request, which costs nothing.
//!
//! Invariants: what a step moves takes no longer than others may be held up; and the copy, which
//! lies in memory beside its sequence for a moment, has room in what the ledger has for snapshots
//! and preempted sequences. What would take more stays where it is.

use harmonic_types::{Bytes, KvLayout};

use super::Batching;
use crate::copy_costs::CopyVolume;
use crate::ids::SeqId;
use crate::step::CacheOp;

/// Steps that a gap may last before a sequence is moved into it.
const GAP_STEPS: u32 = 3;
/// Sequences that are over within so many steps are not moved.
const NEARLY_DONE_TOKENS: u32 = 4;

impl Batching {
    /// Moves the highest sequences into the lowest gaps, once these have lasted.
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
                self.live.insert(to, sequence);
            }
        }
    }

    /// Whether `tokens` tokens may be moved to `to` in this step, after what is left there was saved.
    pub(super) fn may_move(&self, tokens: u64, to: SeqId) -> bool {
        let bytes = self.bytes_for(tokens);
        let mut copied = self.copied;
        copied += CopyVolume::across(bytes);
        copied += CopyVolume::saving(self.bytes_of(self.retained.held(to)));
        self.rates().copy_s(copied) <= self.budget.beside_decoding_s()
            && self.prefix_cache.could_free(self.beyond_preempted(bytes))
    }

    /// Moves the first `tokens` tokens, which are all, of `from` to `to`.
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

    /// What of `bytes` does not fit beside the preempted sequences.
    fn beyond_preempted(&self, bytes: Bytes) -> Bytes {
        let preempted = self.bytes_for(self.preempted_tokens());
        bytes.saturating_sub(self.config.preempted_bytes.saturating_sub(preempted))
    }
}

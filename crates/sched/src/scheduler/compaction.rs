//! Keeping the live sequence ids consecutive, where gaps cost passes.
//!
//! In streams, llama.cpp computes consecutive ids in one pass: 16 live sequences of 32 took 19 ms a
//! step side by side and 92 ms with every second id free (`research/engine.md`). Moving a sequence
//! is a copy of its cells, some milliseconds for some hundred tokens, so it is worth it from a few
//! steps on; but most gaps are filled at once by the next request, which costs nothing.

use harmonic_types::KvLayout;

use super::Scheduler;
use crate::ids::SeqId;
use crate::step::CacheOp;

/// Steps that a gap may last before a sequence is moved into it.
const PATIENCE: u32 = 3;
/// Sequences that are over within so many steps are not moved.
const SOON_OVER: u32 = 4;
/// Tokens that one step moves at most, so that no stream waits long for it; one sequence, however
/// long, is always moved.
const MOST_TOKENS: u32 = 8192;

impl Scheduler {
    /// Moves the highest sequences into the lowest gaps, once these have lasted.
    pub(super) fn compact(&mut self) {
        let highest = |scheduler: &Self| scheduler.live.last_key_value().map(|(seq, _)| *seq);
        if self.config.kv_layout == KvLayout::Unified
            || highest(self).is_none_or(|seq| seq < self.lowest_free())
        {
            self.gapped = 0;
            return;
        }
        self.gapped += 1;
        if self.gapped < PATIENCE {
            return;
        }
        let mut moved = 0;
        while let Some(from) = highest(self)
            && from > self.lowest_free()
        {
            let sequence = &self.live[&from];
            let tokens = sequence.computed;
            let over_soon = sequence.decodes() && sequence.output_left() < SOON_OVER;
            if over_soon || (moved > 0 && moved + tokens > MOST_TOKENS) {
                return;
            }
            moved += tokens;
            self.relocate(from, self.lowest_free());
        }
    }

    fn relocate(&mut self, from: SeqId, to: SeqId) {
        self.vacate(to);
        let Some(sequence) = self.live.remove(&from) else { return };
        if !sequence.untouched() {
            self.cache.push(CacheOp::Move { from, to });
        }
        self.live.insert(to, sequence);
    }
}

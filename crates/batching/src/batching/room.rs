//! Room for admission: sequences, cells of the KV cache, and memory for preempted sequences.

use harmonic_admission::{BorrowRequest, Room, Short};
use harmonic_types::{FinishReason, RequestId, Usage};

use super::Batching;
use crate::copy_costs::CopyVolume;
use crate::ids::{SeqId, Token};
use crate::prefix_cache::PrefixHit;
use crate::prompt::Prompt;
use crate::sequence::{Preempted, Sequence, token_count};
use crate::step::{CacheOp, Finished, Placed};

/// Tokens that a retained sequence must share with a prompt, and more, to be continued with it: all
/// prompts of a chat template begin alike.
const MIN_RETAINED_TOKENS: u32 = 16;

impl Room for Batching {
    fn fits(&self, next: RequestId, victims: &[RequestId]) -> Result<bool, Short> {
        let (mut freed, mut saved) = (0, self.preempted_tokens());
        for victim in victims {
            let Some((_, sequence)) = self.find_live(*victim) else { continue };
            freed += sequence.reserved;
            saved += u64::from(sequence.computed);
        }
        if !victims.is_empty() && self.bytes_for(saved) > self.config.preempted_bytes {
            return Err(Short::Saving);
        }
        let sequences = self.live.len().saturating_sub(victims.len());
        let cells = (self.kv_reserved - freed) + self.reservation(next);
        Ok(sequences < self.config.sequences as usize && cells <= self.config.kv_tokens)
    }

    /// Whether all borrowers that a quota may displace could be preempted at once at their maximum
    /// size: whichever those are, so the largest are counted.
    fn can_borrow(&self, request: &BorrowRequest<'_>) -> bool {
        let preempted: u64 = self.preempted.values().map(|other| other.sequence.reserved).sum();
        let mut borrowed: Vec<u64> =
            request.borrowers.iter().map(|id| self.reservation(*id)).collect();
        // A preempted request is counted already.
        let waits = self.waiting.contains_key(&request.next);
        borrowed.push(if waits { self.reservation(request.next) } else { 0 });
        borrowed.sort_unstable();
        let displaced: u64 = borrowed.iter().skip(request.unclaimed as usize).sum();
        self.bytes_for(preempted + displaced) <= self.config.preempted_bytes
    }

    fn can_save(&self, ids: &[RequestId]) -> bool {
        let preempted: u64 = self.preempted.values().map(|other| other.sequence.reserved).sum();
        let more = ids.iter().filter(|id| !self.preempted.contains_key(id));
        let more: u64 = more.map(|id| self.reservation(*id)).sum();
        self.bytes_for(preempted + more) <= self.config.preempted_bytes
    }

    /// Assigns a sequence to a request: the retained one with the longest prefix of its prompt,
    /// moved to the lowest free id if allowed; otherwise the lowest free id, emptied.
    fn reserve(&mut self, id: RequestId) -> Result<(), Short> {
        if self.fits(id, &[]) != Ok(true) {
            return Err(Short::Room);
        }
        let prompt = self.waiting.remove(&id).ok_or(Short::Room)?;
        let mut sequence = Sequence::new(id, prompt, self.start_count);
        self.start_count += 1;
        let mut seq = self.lowest_free();
        let known = self.prefix_cache.covers(&sequence.tokens, self.criteria());
        let least = known.max(MIN_RETAINED_TOKENS);
        if let Some((from, usable)) =
            self.retained.find(&sequence.tokens, self.config.partial_removal, least)
        {
            let held = self.retained.take(from).unwrap_or_default();
            if held.len() > usable as usize {
                self.save_conversation(from, &held);
                self.cache.push(CacheOp::Trim { seq: from, keep: usable });
            }
            if from != seq && self.may_move(usable.into(), seq) {
                self.move_tokens(from, seq, usable.into());
            } else {
                seq = from;
            }
            (sequence.computed, sequence.cached) = (usable, usable);
        } else {
            self.evict(seq);
        }
        self.placed.push(Placed { id, seq });
        self.kv_reserved += sequence.reserved;
        self.live.insert(seq, sequence);
        Ok(())
    }

    fn preempt(&mut self, id: RequestId) -> Result<(), Short> {
        let Some((seq, sequence)) = self.find_live(id) else { return Err(Short::Saving) };
        let saved = self.preempted_tokens() + u64::from(sequence.computed);
        if self.bytes_for(saved) > self.config.preempted_bytes {
            return Err(Short::Saving);
        }
        let Some(sequence) = self.live.remove(&seq) else { return Err(Short::Saving) };
        let snapshot = self.new_snapshot();
        self.copied += CopyVolume::saving(self.bytes_of(sequence.held()));
        self.cache.extend([CacheOp::Save { seq, snapshot }, CacheOp::Drop { seq }]);
        self.kv_reserved -= sequence.reserved;
        self.preempted.insert(id, Preempted { sequence, snapshot });
        Ok(())
    }

    /// Resumes a preempted request in the lowest free sequence.
    fn resume(&mut self, id: RequestId) -> Result<(), Short> {
        if self.fits(id, &[]) != Ok(true) {
            return Err(Short::Room);
        }
        let Preempted { sequence, snapshot } = self.preempted.remove(&id).ok_or(Short::Room)?;
        let seq = self.lowest_free();
        self.evict(seq);
        if !sequence.is_untouched() {
            self.copied += CopyVolume::restoring(self.bytes_of(sequence.held()));
            self.cache.push(CacheOp::Restore { snapshot, seq });
        }
        self.cache.push(CacheOp::Discard { snapshot });
        self.placed.push(Placed { id, seq });
        self.kv_reserved += sequence.reserved;
        self.live.insert(seq, sequence);
        Ok(())
    }

    /// Ends a request, as completed if [`Batching::commit`] returned it, else as cancelled. The
    /// next step reports it finished.
    fn release(&mut self, id: RequestId) {
        let reason = FinishReason::Cancelled;
        if let Some((seq, _)) = self.find_live(id) {
            self.end(seq);
        } else if let Some(Preempted { sequence, snapshot }) = self.preempted.remove(&id) {
            self.cache.push(CacheOp::Discard { snapshot });
            self.finished.push(Finished { id, seq: None, reason, usage: sequence.usage() });
        } else if let Some(prompt) = self.waiting.remove(&id) {
            let usage = Usage { prompt_tokens: token_count(&prompt.tokens), ..Usage::default() };
            self.finished.push(Finished { id, seq: None, reason, usage });
        }
    }
}

impl Batching {
    /// Maximum KV tokens of a request in any state; 0 for an unknown request.
    fn reservation(&self, id: RequestId) -> u64 {
        let waiting = self.waiting.get(&id).map(Prompt::reservation);
        let preempted = || self.preempted.get(&id).map(|preempted| preempted.sequence.reserved);
        let live = || self.find_live(id).map(|(_, sequence)| sequence.reserved);
        waiting.or_else(preempted).or_else(live).unwrap_or(0)
    }

    /// Total tokens of the preempted sequences.
    pub(super) fn preempted_tokens(&self) -> u64 {
        self.preempted.values().map(|preempted| u64::from(preempted.sequence.computed)).sum()
    }

    /// Restores the snapshot of `hit` into `seq`, which has computed nothing yet.
    pub(super) fn restore(&mut self, seq: SeqId, hit: PrefixHit) {
        let PrefixHit { id, tokens, longer, bytes } = hit;
        self.provide(seq, tokens);
        self.copied += CopyVolume::restoring(bytes);
        self.cache.push(CacheOp::Restore { snapshot: id, seq });
        if longer {
            self.cache.push(CacheOp::Trim { seq, keep: tokens });
        }
    }

    /// Lets `seq`, which has computed nothing yet, hold the first `tokens` of `donor`.
    pub(super) fn share(&mut self, donor: SeqId, seq: SeqId, tokens: u32) {
        self.provide(seq, tokens);
        self.cache.push(CacheOp::Share { from: donor, to: seq, tokens });
    }

    /// Empties `seq`, for `tokens` that it is provided with.
    fn provide(&mut self, seq: SeqId, tokens: u32) {
        let Some(sequence) = self.live.get_mut(&seq) else { return };
        if !sequence.is_untouched() {
            self.cache.push(CacheOp::Drop { seq });
        }
        (sequence.computed, sequence.cached) = (tokens, tokens);
    }
}

/// The restorable part of a prompt: all but the last token, which is computed for its logits.
pub(super) fn restorable(prompt: &[Token]) -> &[Token] {
    prompt.split_last().map_or(&[], |(_, rest)| rest)
}

//! Composition of the next batch.

use std::collections::BTreeMap;

use harmonic_types::{KvLayout, RequestId};

use super::Batching;
use super::room::{MIN_REUSE_TOKENS, restorable};
use crate::batch::Batch;
use crate::chunks::{PrefillCandidate, equal_chunks};
use crate::copy_costs::CopyVolume;
use crate::ids::SeqId;
use crate::prefix_cache::{Kind, ReuseCriteria, common_prefix_len};
use crate::sequence::{Sequence, token_count};

/// Source of a prompt's prefix.
enum Source {
    /// Another live sequence that holds it.
    Donor(SeqId),
    /// Another live sequence that is about to compute it.
    Awaited,
    /// A snapshot, or none.
    Snapshot,
}

impl Batching {
    /// Fills the batch: one token for each decoding sequence, unless its last token is still to be
    /// sampled; prefill gets the rest of the token limit and step time, by tier and age.
    pub(super) fn fill_batch(&mut self, rank: impl Fn(RequestId) -> i128) -> Batch {
        let decoding: Vec<SeqId> =
            self.live_where(|s| s.is_decoding() && !s.awaits_sampling()).collect();
        let prefilling = self.prefilling(rank);
        let restored = self.copied.restored;
        let candidates: Vec<PrefillCandidate> = prefilling
            .iter()
            .map(|(rank, seq)| {
                // A copy cannot be split: the first one of a step is made at any cost.
                let time_limited = !decoding.is_empty() && self.copied.restored > restored;
                let tokens = self.prefill_wanted(*seq, time_limited);
                PrefillCandidate { rank: *rank, tokens }
            })
            .collect();
        let mut room = (self.config.batch_tokens as usize).saturating_sub(decoding.len());
        if !decoding.is_empty() {
            let copy_s = self.rates().copy_s(self.copied);
            room = room.min(self.budget.prefill_tokens(copy_s).unwrap_or(usize::MAX));
        }
        let chunks = match self.config.kv_layout {
            KvLayout::Streams => equal_chunks(&candidates, room, !decoding.is_empty()),
            KvLayout::Unified => {
                candidates.iter().map(|next| take(&mut room, next.tokens)).collect()
            }
        };
        let chunks = prefilling.into_iter().map(|(_, seq)| seq).zip(chunks);
        let chunks = chunks.filter(|(_, chunk)| *chunk > 0);
        let planned: BTreeMap<SeqId, usize> =
            decoding.into_iter().map(|seq| (seq, 1)).chain(chunks).collect();
        let mut batch = Batch::default();
        for (seq, len) in planned {
            let Some(sequence) = self.live.get_mut(&seq) else { continue };
            let pending = sequence.pending();
            let sample = len == pending.len() && sequence.generates();
            batch.push(sequence.id, seq, sequence.computed, &pending[..len], sample);
            sequence.computed += u32::try_from(len).unwrap_or(u32::MAX);
        }
        batch
    }

    fn live_where(&self, condition: impl Fn(&Sequence) -> bool) -> impl Iterator<Item = SeqId> {
        self.live.iter().filter(move |(_, sequence)| condition(sequence)).map(|(seq, _)| *seq)
    }

    /// Prefilling sequences with their ranks, most urgent first.
    fn prefilling(&self, rank: impl Fn(RequestId) -> i128) -> Vec<(i128, SeqId)> {
        let prefilling = self.live.iter().filter(|(_, sequence)| !sequence.is_decoding());
        let mut prefilling: Vec<_> =
            prefilling.map(|(seq, sequence)| ((rank(sequence.id), sequence.order), *seq)).collect();
        prefilling.sort_unstable();
        prefilling.into_iter().map(|((rank, _), seq)| (rank, seq)).collect()
    }

    /// Tokens that a prefilling sequence could compute in the next batch; 0 while it waits for
    /// another sequence's prefix or for a step with time to copy. Restores its prefix if available,
    /// and stops at the end of a system prompt that still has to be saved.
    fn prefill_wanted(&mut self, seq: SeqId, time_limited: bool) -> usize {
        let untouched = self.live.get(&seq).is_some_and(Sequence::is_untouched);
        if untouched && self.prefix_cache.enabled() && !self.reuse_prefix(seq, time_limited) {
            return 0;
        }
        let Some(sequence) = self.live.get(&seq) else { return 0 };
        let left = sequence.pending().len();
        let to_prefix = sequence.shared_prefix.saturating_sub(sequence.computed) as usize;
        if to_prefix > 0 && self.needs_saving(sequence) { left.min(to_prefix) } else { left }
    }

    /// Restores the available prefix of an untouched sequence's prompt. False while it has to wait.
    fn reuse_prefix(&mut self, seq: SeqId, time_limited: bool) -> bool {
        let criteria = self.criteria();
        match self.source(seq, criteria) {
            Source::Awaited => return false,
            Source::Donor(donor) => {
                let held = self.live[&donor].held().to_vec();
                self.save_snapshot(Kind::Conversation, donor, &held);
            }
            Source::Snapshot => {}
        }
        let prompt = self.live[&seq].tokens.clone();
        let Some(hit) = self.prefix_cache.find(&prompt, criteria) else { return true };
        let mut copied = self.copied;
        copied += CopyVolume::restoring(hit.bytes);
        if time_limited && criteria.rates.copy_s(copied) > self.budget.beside_decoding_s() {
            return false;
        }
        self.restore(seq, hit);
        true
    }

    /// Best source of the prefix: another live sequence if it holds, or is about to compute, more
    /// of the prompt than the snapshots do, if there are cells for a copy of it, and if copying is
    /// faster than computing.
    fn source(&self, seq: SeqId, criteria: ReuseCriteria) -> Source {
        let sequence = &self.live[&seq];
        let known = self.prefix_cache.covers(restorable(&sequence.tokens), criteria);
        let least = known + MIN_REUSE_TOKENS;
        let mut best = (least, Source::Snapshot);
        for (donor, other) in self.live.iter().filter(|(donor, _)| **donor != seq) {
            let shared = self.shared(sequence, other);
            let there = other.computed >= shared;
            // An untouched sequence waits only for sequences admitted before it.
            let ahead = !other.is_untouched() || other.order < sequence.order;
            // An awaited sequence will hold at least the shared part.
            let held = other.computed.max(shared);
            let bytes = self.bytes_for(held.into());
            let saved_s =
                criteria.rates.saved_s(shared - known.min(shared), CopyVolume::across(bytes));
            if shared < best.0 || u64::from(held) > criteria.room || saved_s <= 0.0 {
                continue;
            }
            let fits = self.prefix_cache.fits(bytes);
            if there && fits && self.config.partial_removal {
                best = (shared + 1, Source::Donor(*donor));
            } else if !there && ahead && !other.is_decoding() {
                best = (shared + 1, Source::Awaited);
            }
        }
        best.1
    }

    /// Tokens of the prefix of `sequence` that a snapshot of `other` could provide: any common
    /// prefix if the machine supports partial removal, else only the shared prefix.
    fn shared(&self, sequence: &Sequence, other: &Sequence) -> u32 {
        let prompt = &other.tokens[..other.prompt as usize];
        let held = if other.is_decoding() { &other.tokens[..] } else { prompt };
        let common = common_prefix_len(held, restorable(&sequence.tokens));
        if self.config.partial_removal {
            common
        } else if common >= sequence.shared_prefix
            && other.shared_prefix == sequence.shared_prefix
            && other.computed < sequence.shared_prefix
        {
            token_count(&sequence.tokens[..sequence.shared_prefix as usize])
        } else {
            0
        }
    }
}

/// Takes up to `want` from `room`.
fn take(room: &mut usize, want: usize) -> usize {
    let taken = want.min(*room);
    *room -= taken;
    taken
}

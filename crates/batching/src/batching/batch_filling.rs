//! Composition of the next batch.

use std::collections::{BTreeMap, BTreeSet};

use harmonic_types::{KvLayout, RequestId};

use super::Batching;
use super::room::restorable;
use super::sharing::{Siblings, Source};
use crate::batch::Batch;
use crate::chunks::{PrefillCandidate, equal_chunks};
use crate::copy_costs::CopyVolume;
use crate::ids::SeqId;
use crate::prefix_cache::Kind;
use crate::sequence::Sequence;

impl Batching {
    /// Fills the batch: one token for each decoding sequence, unless its last token is still to be
    /// sampled; prefill gets the rest of the token limit and step time, by tier and age.
    pub(super) fn fill_batch(&mut self, rank: impl Fn(RequestId) -> i128) -> Batch {
        let decoding: Vec<SeqId> =
            self.live_where(|s| s.is_decoding() && !s.awaits_sampling()).collect();
        let prefilling = self.prefilling(rank, !decoding.is_empty());
        let candidates: Vec<PrefillCandidate> = prefilling
            .iter()
            .map(|(rank, seq)| PrefillCandidate { rank: *rank, tokens: self.prefill_wanted(*seq) })
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
            sequence.is_fresh = false;
        }
        batch
    }

    fn live_where(&self, condition: impl Fn(&Sequence) -> bool) -> impl Iterator<Item = SeqId> {
        self.live.iter().filter(move |(_, sequence)| condition(sequence)).map(|(seq, _)| *seq)
    }

    /// Sequences that prefill in this step, with their ranks, most urgent first. Those that have
    /// computed nothing yet take over what others hold of their prompts, or wait for it, or for a
    /// step with time to copy: while any sequence is `decoding`, copies are limited.
    fn prefilling(
        &mut self,
        rank: impl Fn(RequestId) -> i128,
        decoding: bool,
    ) -> Vec<(i128, SeqId)> {
        let prefilling = self.live.iter().filter(|(_, sequence)| !sequence.is_decoding());
        let mut order: Vec<_> =
            prefilling.map(|(seq, sequence)| ((rank(sequence.id), sequence.order), *seq)).collect();
        order.sort_unstable();
        let mut ranks: BTreeMap<SeqId, i128> =
            order.iter().map(|((rank, _), seq)| (*seq, *rank)).collect();
        let mut order: Vec<SeqId> = order.into_iter().map(|(_, seq)| seq).collect();
        let (mut siblings, mut delayed) = (Siblings::default(), BTreeSet::new());
        let restored = self.copied.restored;
        for (at, seq) in order.iter().enumerate() {
            if !self.prefix_cache.enabled() || !self.live[seq].is_fresh {
                continue;
            }
            // A copy cannot be split: the first one of a step is made at any cost.
            let time_limited = decoding && self.copied.restored > restored;
            let is_before = |other| order[..at].contains(&other);
            match self.source(*seq, self.criteria(), is_before) {
                Source::Awaited { leader, tokens } => siblings.wait(*seq, leader, tokens),
                source => {
                    if !self.reuse_prefix(*seq, source, time_limited) {
                        delayed.insert(*seq);
                    }
                }
            }
        }
        self.settle_stops(&mut siblings, &order);
        siblings.inherit(&mut ranks);
        for seq in &order {
            if let Some(sequence) = self.live.get_mut(seq) {
                sequence.stop = siblings.stop_of(*seq);
            }
        }
        order.retain(|seq| !siblings.waits(*seq) && !delayed.contains(seq));
        // Stable: the order of starts holds within a rank.
        order.sort_by_key(|seq| ranks[seq]);
        order.into_iter().map(|seq| (ranks[&seq], seq)).collect()
    }

    /// Tokens that a prefilling sequence could compute in the next batch: to the end of its prompt,
    /// of a system prompt that still has to be saved, or of what others wait for.
    fn prefill_wanted(&self, seq: SeqId) -> usize {
        let Some(sequence) = self.live.get(&seq) else { return 0 };
        let to = |end: u32| end.saturating_sub(sequence.computed) as usize;
        let to_prefix = Some(to(sequence.shared_prefix))
            .filter(|tokens| *tokens > 0 && self.needs_saving(sequence));
        let ends = [to_prefix, sequence.stop.map(to)].into_iter().flatten();
        ends.chain([sequence.pending().len()]).min().unwrap_or(0)
    }

    /// Takes over the beginning of a prompt from `source`. False while it has to wait for a step
    /// with time to copy.
    fn reuse_prefix(&mut self, seq: SeqId, source: Source, time_limited: bool) -> bool {
        if let Source::Donor { seq: donor, tokens } = source {
            if self.shares_cells() {
                self.share(donor, seq, tokens);
                return true;
            }
            let live = self.live.get(&donor).map(Sequence::held);
            let held = live.unwrap_or_else(|| self.retained.held(donor)).to_vec();
            self.save_snapshot(Kind::Conversation, donor, &held);
        }
        let criteria = self.criteria();
        let Sequence { tokens: prompt, computed, .. } = &self.live[&seq];
        let (prompt, computed) = (prompt.clone(), *computed);
        // What the sequence holds by now is kept where copying more takes longer than computing it.
        if computed > 0 && self.prefix_cache.covers(restorable(&prompt), criteria) <= computed {
            return true;
        }
        let Some(hit) = self.prefix_cache.find(&prompt, criteria) else { return true };
        let more = hit.tokens.saturating_sub(computed);
        if computed > 0 && criteria.rates.saved_s(more, CopyVolume::restoring(hit.bytes)) <= 0.0 {
            return true;
        }
        let mut copied = self.copied;
        copied += CopyVolume::restoring(hit.bytes);
        if time_limited && criteria.rates.copy_s(copied) > self.budget.beside_decoding_s() {
            return false;
        }
        self.restore(seq, hit);
        true
    }
}

/// Takes up to `want` from `room`.
fn take(room: &mut usize, want: usize) -> usize {
    let taken = want.min(*room);
    *room -= taken;
    taken
}

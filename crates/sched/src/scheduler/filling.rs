//! What goes into the next batch.

use std::collections::BTreeMap;

use harmonic_types::KvLayout;

use super::Scheduler;
use super::admission::{SHARE_TOKENS, restorable};
use crate::batch::Batch;
use crate::chunks::{Want, equal_chunks};
use crate::ids::{SeqId, Tick};
use crate::queue::aged;
use crate::sequence::{Sequence, count};
use crate::snapshots::{Kind, common};

/// Where the beginning of a prompt comes from.
enum Source {
    /// Another live sequence holds it.
    Donor(SeqId),
    /// Another live sequence is about to have computed it.
    Awaited,
    /// Nowhere, or from a snapshot.
    Snapshot,
}

impl Scheduler {
    /// Every decoding sequence gets its one token, unless it is owed it; what the batch and the time of a step leave goes
    /// to prefills, by tier and age.
    pub(super) fn fill_batch(&mut self, now: Tick) -> Batch {
        let decoding: Vec<SeqId> = self.live_where(|s| s.decodes() && !s.owes()).collect();
        let mut room = (self.config.batch_tokens as usize).saturating_sub(decoding.len());
        if !decoding.is_empty() {
            room = room.min(self.pace.prefill_tokens().unwrap_or(usize::MAX));
        }
        let prefilling = self.prefilling(now);
        let wants: Vec<Want> = prefilling
            .iter()
            .map(|seq| {
                let tokens = self.prefill_wanted(*seq);
                Want { rank: self.precedence(&self.live[seq], now).0, tokens }
            })
            .collect();
        let chunks = match self.config.kv_layout {
            KvLayout::Streams => equal_chunks(&wants, room, !decoding.is_empty()),
            KvLayout::Unified => wants.iter().map(|want| take(&mut room, want.tokens)).collect(),
        };
        let chunks = prefilling.into_iter().zip(chunks).filter(|(_, chunk)| *chunk > 0);
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

    /// Sequences with prompt left, the most urgent first.
    fn prefilling(&self, now: Tick) -> Vec<SeqId> {
        let mut prefilling: Vec<SeqId> = self.live_where(|s| !s.decodes()).collect();
        prefilling.sort_by_key(|seq| self.precedence(&self.live[seq], now));
        prefilling
    }

    fn precedence(&self, sequence: &Sequence, now: Tick) -> (i128, u64) {
        (aged(sequence.tier, now, sequence.since, self.config.ageing), sequence.order)
    }

    /// Tokens that a prefilling sequence wants in the next batch; 0 while it waits for another. Takes the beginning of its prompt
    /// from where it is, and stops where a system prompt ends that is still to be saved.
    fn prefill_wanted(&mut self, seq: SeqId) -> usize {
        if self.live.get(&seq).is_some_and(Sequence::untouched) && self.snapshots.enabled() {
            match self.source(seq) {
                Source::Awaited => return 0,
                Source::Donor(donor) => {
                    let held = self.live[&donor].held().to_vec();
                    self.keep(Kind::Conversation, donor, &held);
                }
                Source::Snapshot => {}
            }
            let found = self.live.get(&seq).map(|sequence| sequence.tokens.clone());
            if let Some(found) = found.and_then(|prompt| self.snapshots.find(&prompt)) {
                self.restore(seq, found);
            }
        }
        let Some(sequence) = self.live.get(&seq) else { return 0 };
        let left = sequence.pending().len();
        let to_prefix = sequence.shared_prefix.saturating_sub(sequence.computed) as usize;
        if to_prefix > 0 && self.is_to_be_kept(sequence) { left.min(to_prefix) } else { left }
    }

    /// Whether another live sequence has more of this one's prompt than the snapshots have, or will
    /// have it before this one could compute it.
    fn source(&self, seq: SeqId) -> Source {
        let sequence = &self.live[&seq];
        let least = self.snapshots.covers(restorable(&sequence.tokens)) + SHARE_TOKENS;
        let mut best = (least, Source::Snapshot);
        for (donor, other) in self.live.iter().filter(|(donor, _)| **donor != seq) {
            let shared = self.shared(sequence, other);
            let there = other.computed >= shared;
            // An untouched one waits itself for those admitted before it, and only for those.
            let ahead = !other.untouched() || other.order < sequence.order;
            let fits = self.snapshots.fits(self.bytes_of(other.held()));
            if shared < best.0 {
                continue;
            }
            if there && fits && self.config.trims {
                best = (shared + 1, Source::Donor(*donor));
            } else if !there && ahead && !other.decodes() {
                best = (shared + 1, Source::Awaited);
            }
        }
        best.1
    }

    /// Tokens of the beginning of `sequence` that a snapshot of `other` could give: any common
    /// beginning where the machine trims, else only the agent's system prompt.
    fn shared(&self, sequence: &Sequence, other: &Sequence) -> u32 {
        let prompt = &other.tokens[..other.prompt as usize];
        let held = if other.decodes() { &other.tokens[..] } else { prompt };
        let common = common(held, restorable(&sequence.tokens));
        if self.config.trims {
            common
        } else if common >= sequence.shared_prefix
            && other.shared_prefix == sequence.shared_prefix
            && other.computed < sequence.shared_prefix
        {
            count(&sequence.tokens[..sequence.shared_prefix as usize])
        } else {
            0
        }
    }
}

/// Takes up to `want` of `room`.
fn take(room: &mut usize, want: usize) -> usize {
    let taken = want.min(*room);
    *room -= taken;
    taken
}

//! Prefixes that several sequences share: which of them computes one, and which wait for it.
//!
//! Requests whose prompts begin alike compute that beginning once. The most urgent one leads; the
//! others wait until it is there, and copy exactly what they share with it.
//!
//! Invariants: a sequence waits only for one that has begun to compute or comes before it, so no
//! two wait for each other; it waits again only for [`MIN_WAIT_TOKENS`] more than it could copy by
//! now; a leader is as urgent as the most urgent that waits for it. A leader that ends leaves what
//! it computed, or the turn, to the next. A sequence that shares nothing waits for nothing.
//!
//! Without partial removal (recurrent layers, sliding windows), a copy is a whole sequence. The
//! leader then stops where the first of the others departs from it, and is saved there; what comes
//! after it has passed computes for itself.

use std::collections::BTreeMap;

use harmonic_types::{Bytes, KvLayout};

use super::Batching;
use super::room::restorable;
use crate::copy_costs::CopyVolume;
use crate::ids::{SeqId, Token};
use crate::prefix_cache::{Kind, ReuseCriteria, common_prefix_len};
use crate::sequence::{Sequence, token_count};

/// Minimum tokens that waiting for another sequence must save beyond what can be copied by now:
/// fewer are computed in the step that they would be waited for.
const MIN_WAIT_TOKENS: u32 = 16;
/// Minimum tokens that a leader computes before it stops for others, and that a request without a
/// sequence must save to have a copy made for it: a pass or a copy for fewer costs more than it
/// saves (see `chunks.rs`).
const MIN_STOP_TOKENS: u32 = 64;

/// Source of the beginning of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Another sequence that holds it: the first `tokens` of the prompt.
    Donor { seq: SeqId, tokens: u32 },
    /// Another sequence that is about to compute it.
    Awaited { leader: SeqId, tokens: u32 },
    /// A snapshot, or nothing.
    Snapshot,
}

/// Sequences that wait for others, and how far these compute for them.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    /// Leader of each sequence that waits.
    leaders: BTreeMap<SeqId, SeqId>,
    /// Position at which a leader stops.
    stops: BTreeMap<SeqId, u32>,
}

impl Siblings {
    /// Records that `seq` waits for the first `tokens` of `leader`.
    pub(super) fn wait(&mut self, seq: SeqId, leader: SeqId, tokens: u32) {
        self.leaders.insert(seq, leader);
        self.stop(leader, tokens);
    }

    fn stop(&mut self, leader: SeqId, tokens: u32) {
        let stop = self.stops.entry(leader).or_insert(tokens);
        *stop = tokens.min(*stop);
    }

    /// Whether `seq` waits for another sequence.
    pub(super) fn waits(&self, seq: SeqId) -> bool {
        self.leaders.contains_key(&seq)
    }

    /// Position at which `seq` stops for others.
    pub(super) fn stop_of(&self, seq: SeqId) -> Option<u32> {
        self.stops.get(&seq).copied()
    }

    /// Gives each leader the rank of the most urgent sequence that waits for it, at any distance.
    pub(super) fn inherit(&self, ranks: &mut BTreeMap<SeqId, i128>) {
        for first in self.leaders.keys() {
            let Some(rank) = ranks.get(first).copied() else { continue };
            let mut next = first;
            // Ends: nobody waits for one that waits for it.
            while let Some(leader) = self.leaders.get(next) {
                if let Some(own) = ranks.get_mut(leader) {
                    *own = rank.min(*own);
                }
                next = leader;
            }
        }
    }
}

impl Batching {
    /// Whether sequences can hold the same cells of the KV cache. A copy then takes neither time
    /// nor memory.
    pub(super) fn shares_cells(&self) -> bool {
        self.config.kv_layout == KvLayout::Unified && self.config.partial_removal
    }

    /// Best source of the beginning of a prompt: another sequence, if it holds or is about to
    /// compute more of it than `seq` and the snapshots do, if there is room for a copy, and if
    /// copying is faster than computing. `is_before` states whether the sequence comes before `seq`
    /// in the order of prefill.
    pub(super) fn source(
        &self,
        seq: SeqId,
        criteria: ReuseCriteria,
        is_before: impl Fn(SeqId) -> bool,
    ) -> Source {
        let sequence = &self.live[&seq];
        let prompt = restorable(&sequence.tokens);
        let known = self.prefix_cache.covers(prompt, criteria).max(sequence.computed);
        let saves = |tokens: u32, held: u32| {
            let bytes = if self.shares_cells() { Bytes::ZERO } else { self.bytes_for(held.into()) };
            let fits = self.prefix_cache.fits(bytes)
                && (self.shares_cells() || u64::from(held) <= criteria.room);
            tokens > known
                && fits
                && criteria.rates.saved_s(tokens - known, CopyVolume::across(bytes)) > 0.0
        };
        let others = || self.live.iter().filter(|(other, _)| **other != seq);
        let live = others().map(|(other, sequence)| (*other, sequence.held()));
        let donors = live.chain(self.retained.all()).filter_map(|(other, held)| {
            let tokens = self.usable(held, prompt);
            saves(tokens, token_count(held)).then_some((tokens, other))
        });
        let donor = donors.max_by_key(|(tokens, other)| (*tokens, std::cmp::Reverse(*other)));
        let least = donor.map_or(known, |(tokens, _)| tokens) + MIN_WAIT_TOKENS;
        let leaders = others().filter_map(|(leader, other)| {
            let leads = !other.is_decoding() && (!other.is_fresh || is_before(*leader));
            let tokens = if leads { self.awaited(other, prompt) } else { 0 };
            (tokens >= least && saves(tokens, tokens)).then_some((tokens, *leader))
        });
        let leader = leaders.max_by_key(|(tokens, other)| (*tokens, std::cmp::Reverse(*other)));
        match (leader, donor) {
            (Some((tokens, leader)), _) => Source::Awaited { leader, tokens },
            (None, Some((tokens, seq))) => Source::Donor { seq, tokens },
            (None, None) => Source::Snapshot,
        }
    }

    /// Tokens of `prompt` that a copy of a sequence that holds `held` provides.
    fn usable(&self, held: &[Token], prompt: &[Token]) -> u32 {
        let common = common_prefix_len(held, prompt);
        if self.config.partial_removal || common == token_count(held) { common } else { 0 }
    }

    /// Tokens of `prompt` that `other` is about to compute and to leave for a copy. Without partial
    /// removal it must be able to stop there.
    fn awaited(&self, other: &Sequence, prompt: &[Token]) -> u32 {
        let common = common_prefix_len(&other.tokens[..other.prompt as usize], prompt);
        let stops = common >= other.computed + MIN_STOP_TOKENS;
        let system = other.shared_prefix;
        if common > other.computed && (self.config.partial_removal || stops) {
            common
        } else if (other.computed + 1..=common).contains(&system) && self.needs_saving(other) {
            system
        } else {
            0
        }
    }

    /// Where leaders stop: nowhere with partial removal, as a longer copy can be cut. Otherwise not
    /// for less than a pass is worth, but for requests without a sequence as well: there is no
    /// later chance.
    pub(super) fn settle_stops(&self, siblings: &mut Siblings, prefilling: &[SeqId]) {
        if self.config.partial_removal || !self.prefix_cache.enabled() {
            siblings.stops.clear();
            return;
        }
        let far = |seq: SeqId, tokens: u32| {
            self.live.get(&seq).is_some_and(|other| tokens >= other.computed + MIN_STOP_TOKENS)
        };
        siblings.stops.retain(|seq, tokens| far(*seq, *tokens));
        for seq in prefilling {
            let Some(leader) = self.live.get(seq).filter(|_| !siblings.waits(*seq)) else {
                continue;
            };
            let prompt = &leader.tokens[..leader.prompt as usize];
            for waiting in self.waiting.values() {
                let common = common_prefix_len(prompt, restorable(&waiting.tokens));
                let known = self.prefix_cache.covers(&prompt[..common as usize], self.criteria());
                if far(*seq, common) && common >= known + MIN_STOP_TOKENS {
                    siblings.stop(*seq, common);
                }
            }
        }
    }

    /// Saves the beginning of a prompt when its sequence stands where it stopped for others.
    pub(super) fn save_at_stop(&mut self, seq: SeqId) {
        let Some(sequence) = self.live.get(&seq) else { return };
        let stands = sequence.stop == Some(sequence.computed);
        if stands && !self.prefix_cache.holds(sequence.held()) {
            let tokens = sequence.held().to_vec();
            self.save_snapshot(Kind::Conversation, seq, &tokens);
        }
    }

    /// Whether a request that has not begun would compute much that a copy of `held`, whose
    /// sequence is about to be emptied, provides.
    pub(super) fn is_wanted(&self, held: &[Token]) -> bool {
        let waiting = self.waiting.values().map(|prompt| (prompt.tokens.as_slice(), 0));
        let fresh = self.live.values().filter(|sequence| sequence.is_fresh);
        let fresh = fresh.map(|sequence| (sequence.tokens.as_slice(), sequence.computed));
        waiting.chain(fresh).any(|(tokens, computed)| {
            let prompt = restorable(tokens);
            let usable = self.usable(held, prompt);
            usable >= computed + MIN_STOP_TOKENS
                && usable >= self.prefix_cache.covers(prompt, self.criteria()) + MIN_STOP_TOKENS
        })
    }
}

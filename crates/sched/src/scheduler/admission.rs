//! Who gets a sequence, and which.

use super::{Scheduler, reservation};
use crate::copies::Copied;
use crate::ids::{SeqId, Tick, Token};
use crate::queue::{Waiting, by_urgency};
use crate::sequence::Sequence;
use crate::snapshots::Found;
use crate::step::{CacheOp, Grant};

/// A beginning found elsewhere has to spare at least this many tokens more than what can be
/// restored anyway: fewer are computed sooner than copied.
pub(super) const SHARE_TOKENS: u32 = 16;

impl Scheduler {
    /// Gives sequences to the most urgent requests: by right, taking back what was lent, then on
    /// loan. A request by right that does not fit holds back all after it, so that a large one is
    /// not starved by small ones behind it.
    ///
    /// Nobody starves, whatever the rights. An agent with nothing in flight may have one sequence even
    /// with rights of 0; the oldest of these in the engine, the floor, is not taken back. And a
    /// request counts as a tier higher for each ageing period, and for each 64 requests that were
    /// admitted since it was offered. So at most 3 · 64 requests that were offered after it go before
    /// it while its agent may have one more; and where agents have no rights, the requests before it
    /// that wait for the floor as well, each with those that are admitted while it runs.
    pub(super) fn admit(&mut self, now: Tick) -> Vec<Grant> {
        self.give_way();
        let mut granted = Vec::new();
        while let Some(agent) = self.next_to_start(now) {
            if let Some(parked) = self.agents[agent].parked.pop_front() {
                self.resume(parked);
            } else if let Some(waiting) = self.agents[agent].queue.pop_front() {
                granted.push(self.start(now, waiting));
            }
        }
        granted
    }

    /// The agent whose next request can start now, after room was made for it.
    fn next_to_start(&mut self, now: Tick) -> Option<usize> {
        let mut held_back = false;
        for index in by_urgency(&self.agents, now, self.config.ageing, self.admitted) {
            let agent = &self.agents[index];
            let (by_right, guaranteed) = (agent.has_right(), agent.is_guaranteed());
            let reserved = self.next_reservation(index);
            if self.has_room(reserved) {
                if !held_back && (by_right || self.can_lend(index, reserved)) {
                    return Some(index);
                }
                // It waits until its agent has a right again; others may go before it.
            } else if guaranteed && self.take_back(reserved) {
                return Some(index);
            } else if guaranteed {
                return None;
            } else if by_right {
                // It waits for what is free next, not for what was lent of others' rights.
                held_back = true;
            }
        }
        None
    }

    /// KV tokens that the next request of an agent may come to hold.
    fn next_reservation(&self, index: usize) -> u64 {
        let agent = &self.agents[index];
        let parked = agent.parked.front().map(|parked| parked.sequence.reserved);
        let waiting = || agent.queue.front().map(|waiting| reservation(&waiting.job));
        parked.or_else(waiting).unwrap_or(0)
    }

    /// Whether one more sequence that may come to hold `reserved` tokens can be in flight.
    pub(super) fn has_room(&self, reserved: u64) -> bool {
        self.live.len() < self.allowed as usize
            && self.kv_reserved + reserved <= self.config.kv_tokens
    }

    /// Gives a request its sequence: the one that holds most of its prompt, moved to the lowest
    /// free id if that may be, else that id, emptied.
    fn start(&mut self, now: Tick, waiting: Waiting) -> Grant {
        let tier = self.agents[waiting.job.agent].share.tier;
        let mut sequence = Sequence::new(waiting, tier, self.admitted);
        self.admitted += 1;
        let mut seq = self.lowest_free();
        let known = self.snapshots.covers(&sequence.tokens, self.terms());
        let least = known.saturating_add(SHARE_TOKENS);
        if let Some((from, usable)) =
            self.residents.find(&sequence.tokens, self.config.trims, least)
        {
            let held = self.residents.take(from).map_or(0, |held| held.len());
            if held > usable as usize {
                self.cache.push(CacheOp::Trim { seq: from, keep: usable });
            }
            if from != seq && self.may_move(usable.into(), seq) {
                self.move_tokens(from, seq, usable.into());
            } else {
                seq = from;
            }
            (sequence.computed, sequence.cached) = (usable, usable);
        } else {
            self.vacate(seq);
        }
        let grant = Grant { id: sequence.id, seq, queued: now.since(sequence.since) };
        self.run(seq, sequence);
        grant
    }

    /// `sequence` is in flight from now on.
    pub(super) fn run(&mut self, seq: SeqId, sequence: Sequence) {
        self.agents[sequence.agent].in_flight += 1;
        self.kv_reserved += sequence.reserved;
        self.live.insert(seq, sequence);
    }

    /// Puts the snapshot that was found into the untouched sequence `seq`.
    pub(super) fn restore(&mut self, seq: SeqId, Found { id, tokens, longer, bytes }: Found) {
        self.copied += Copied::restoring(bytes);
        self.cache.push(CacheOp::Restore { snapshot: id, seq });
        if longer {
            self.cache.push(CacheOp::Trim { seq, keep: tokens });
        }
        if let Some(sequence) = self.live.get_mut(&seq) {
            (sequence.computed, sequence.cached) = (tokens, tokens);
        }
    }
}

/// The part of a prompt that can come from elsewhere: its last token is computed for its logits.
pub(super) fn restorable(prompt: &[Token]) -> &[Token] {
    prompt.split_last().map_or(&[], |(_, rest)| rest)
}

//! Each agent's shared prefix (its system prompt), computed once and then restored into any
//! sequence, even while the one that computed it is busy.
//!
//! llama.cpp saves whole sequences only, and a sliding-window snapshot cannot be cut
//! (`research/engine.md`): so the prefill of the first sequence stops exactly at the prefix, and
//! the snapshot is taken there. Until then other requests of the agent wait with their prefill.

use harmonic_types::Bytes;

use crate::ids::{SeqId, SnapshotId, Token};
use crate::step::CacheOp;

/// What is known of one agent's prefix.
#[derive(Debug, Default)]
enum State {
    /// Nobody has computed it.
    #[default]
    Absent,
    /// A sequence is computing it.
    Computing(SeqId),
    /// Saved. `bytes` is zero until the machine has reported the size.
    Saved { snapshot: SnapshotId, tokens: Vec<Token>, bytes: Bytes, used: u64 },
}

/// What a sequence of an agent may do with its prefill.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Compute up to this many tokens of the sequence, then save.
    Compute(u32),
    /// Another sequence computes the prefix: hold the prefill back until it is saved.
    Wait,
    /// Compute everything: there is nothing to share.
    Free,
}

/// One prefix per agent, within a bound of bytes; the least recently used goes first.
#[derive(Debug)]
pub(crate) struct Prefixes {
    states: Vec<State>,
    limit: Bytes,
    next: u64,
    uses: u64,
}

impl Prefixes {
    pub(crate) fn new(agents: usize, limit: Bytes) -> Self {
        Self { states: (0..agents).map(|_| State::Absent).collect(), limit, next: 0, uses: 0 }
    }

    /// The snapshot that fits the start of `prompt`, and its length in tokens.
    pub(crate) fn find(&mut self, agent: usize, prompt: &[Token]) -> Option<(SnapshotId, u32)> {
        let State::Saved { snapshot, tokens, used, .. } = &mut self.states[agent] else {
            return None;
        };
        // A whole prompt cannot be restored: its last token must be computed for its logits.
        if tokens.len() >= prompt.len() || !prompt.starts_with(tokens) {
            return None;
        }
        self.uses += 1;
        *used = self.uses;
        Some((*snapshot, u32::try_from(tokens.len()).unwrap_or(u32::MAX)))
    }

    /// What `seq`, which has computed `computed` tokens of a prompt whose first `shared` are the
    /// agent's prefix, does next.
    pub(crate) fn turn(&mut self, agent: usize, seq: SeqId, computed: u32, shared: u32) -> Turn {
        if shared == 0 || computed >= shared || self.limit == Bytes::ZERO {
            return Turn::Free;
        }
        let state = &mut self.states[agent];
        match state {
            State::Absent => {
                *state = State::Computing(seq);
                Turn::Compute(shared)
            }
            State::Computing(by) if *by == seq => Turn::Compute(shared),
            State::Computing(_) => Turn::Wait,
            // Saved, and this prompt does not start with it (or it would have been restored).
            State::Saved { .. } => Turn::Free,
        }
    }

    /// `seq` has computed exactly the prefix `tokens`: the operation that saves it, if it is the
    /// one to do so.
    pub(crate) fn complete(
        &mut self,
        agent: usize,
        seq: SeqId,
        tokens: &[Token],
    ) -> Option<CacheOp> {
        if !matches!(self.states[agent], State::Computing(by) if by == seq) {
            return None;
        }
        let snapshot = SnapshotId(self.next);
        self.next += 1;
        self.uses += 1;
        self.states[agent] =
            State::Saved { snapshot, tokens: tokens.to_vec(), bytes: Bytes::ZERO, used: self.uses };
        Some(CacheOp::Save { seq, snapshot })
    }

    /// `seq` is gone: if it was computing a prefix, the next may.
    pub(crate) fn abandon(&mut self, seq: SeqId) {
        for state in &mut self.states {
            if matches!(state, State::Computing(by) if *by == seq) {
                *state = State::Absent;
            }
        }
    }

    /// Books the size of a saved snapshot, and discards others until the bound holds again.
    pub(crate) fn booked(&mut self, saved: SnapshotId, size: Bytes) -> Vec<CacheOp> {
        for state in &mut self.states {
            if let State::Saved { snapshot, bytes, .. } = state
                && *snapshot == saved
            {
                *bytes = size;
            }
        }
        let mut discarded = Vec::new();
        while self.held() > self.limit {
            let oldest = self.states.iter_mut().filter_map(|state| match state {
                State::Saved { snapshot, used, .. } => Some((*used, *snapshot, state)),
                _ => None,
            });
            let Some((_, snapshot, state)) = oldest.min_by_key(|(used, ..)| *used) else { break };
            *state = State::Absent;
            discarded.push(CacheOp::Discard { snapshot });
        }
        discarded
    }

    /// Bytes of all snapshots.
    pub(crate) fn held(&self) -> Bytes {
        self.states
            .iter()
            .map(|state| if let State::Saved { bytes, .. } = state { *bytes } else { Bytes::ZERO })
            .sum()
    }
}

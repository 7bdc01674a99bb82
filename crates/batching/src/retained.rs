//! Finished sequences whose tokens stay in the KV cache until the sequence is needed, so that the
//! next turn of a conversation continues in place, without a copy.
//!
//! Streams layout only: in a unified cache they would lengthen every other sequence's attention.

use std::collections::BTreeMap;

use crate::ids::{SeqId, Token};
use crate::prefix_cache::common_prefix_len;
use crate::sequence::token_count;

/// Tokens of finished sequences, by sequence id.
#[derive(Debug, Default)]
pub(crate) struct RetainedSequences(BTreeMap<SeqId, Vec<Token>>);

impl RetainedSequences {
    /// Records that `seq` retains `tokens`.
    pub(crate) fn retain(&mut self, seq: SeqId, tokens: Vec<Token>) {
        self.0.insert(seq, tokens);
    }

    /// Removes and returns the tokens of `seq`, for reuse or before it is dropped.
    pub(crate) fn take(&mut self, seq: SeqId) -> Option<Vec<Token>> {
        self.0.remove(&seq)
    }

    /// Tokens that `seq` retains; empty if none.
    pub(crate) fn held(&self, seq: SeqId) -> &[Token] {
        self.0.get(&seq).map_or(&[], Vec::as_slice)
    }

    /// All sequences with the tokens that they retain.
    pub(crate) fn all(&self) -> impl Iterator<Item = (SeqId, &[Token])> {
        self.0.iter().map(|(seq, held)| (*seq, held.as_slice()))
    }

    /// Sequence with the longest usable prefix of `prompt` above `least` tokens, and its length.
    /// The last token of the prompt is never included. Without partial removal, only sequences that
    /// are usable as a whole qualify.
    pub(crate) fn find(
        &self,
        prompt: &[Token],
        partial_removal: bool,
        least: u32,
    ) -> Option<(SeqId, u32)> {
        let most = token_count(prompt).saturating_sub(1);
        self.0
            .iter()
            .map(|(seq, held)| (*seq, common_prefix_len(held, prompt).min(most), token_count(held)))
            .filter(|(_, usable, held)| *usable > least && (partial_removal || usable == held))
            .max_by_key(|(seq, usable, _)| (*usable, std::cmp::Reverse(*seq)))
            .map(|(seq, usable, _)| (seq, usable))
    }
}

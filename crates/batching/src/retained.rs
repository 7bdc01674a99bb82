//! Ended sequences whose tokens stay in the cache until their place is needed: the
//! next turn of a conversation goes on where the last one stopped, and nothing is copied.
//!
//! Only in streams: in a unified cache they would lengthen every other sequence's attention.

use std::collections::BTreeMap;

use crate::ids::{SeqId, Token};
use crate::prefix_cache::common_prefix_len;
use crate::sequence::token_count;

/// Tokens of sequences that have ended, by their place.
#[derive(Debug, Default)]
pub(crate) struct RetainedSequences(BTreeMap<SeqId, Vec<Token>>);

impl RetainedSequences {
    /// `seq` keeps `tokens`.
    pub(crate) fn retain(&mut self, seq: SeqId, tokens: Vec<Token>) {
        self.0.insert(seq, tokens);
    }

    /// What `seq` holds is taken over, or about to be dropped.
    pub(crate) fn take(&mut self, seq: SeqId) -> Option<Vec<Token>> {
        self.0.remove(&seq)
    }

    /// What `seq` holds, if it holds anything.
    pub(crate) fn held(&self, seq: SeqId) -> &[Token] {
        self.0.get(&seq).map_or(&[], Vec::as_slice)
    }

    /// The sequence that gives most of `prompt` beyond `least` tokens, and how much. The last token
    /// of the prompt is never among them. A machine that cannot trim needs all of it.
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

//! Vocabulary in the form that `llguidance` needs, with an encoding for the trial process.

use std::sync::Arc;

use harmonic_batching::Token;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};

use crate::chat::Vocabulary;

/// Bytes of each token, and the tokens that end a turn. Control tokens have no bytes, so that no
/// grammar allows them; neither have tokens starting with 0xFF, which marks control tokens in
/// `llguidance` and never occurs in UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenTable {
    ends: Vec<u32>,
    words: Vec<Vec<u8>>,
}

impl TokenTable {
    /// Table of `vocabulary`; `None` without an end of turn.
    pub(super) fn of(vocabulary: &dyn Vocabulary) -> Option<Self> {
        let ends: Vec<u32> =
            vocabulary.turn_ends().into_iter().map(|Token(id)| id.cast_unsigned()).collect();
        ends.first()?;
        let words = (0..vocabulary.size())
            .map(|id| {
                let mut bytes = Vec::new();
                if !ends.contains(&id) {
                    vocabulary.append_bytes(Token(id.cast_signed()), &mut bytes);
                }
                if bytes.first() == Some(&TokTrie::SPECIAL_TOKEN_MARKER) {
                    bytes.clear();
                }
                bytes
            })
            .collect();
        Some(Self { ends, words })
    }

    /// Token environment for the compiler; `None` without an end of turn.
    pub(super) fn environment(&self) -> Option<TokEnv> {
        let size = u32::try_from(self.words.len()).ok()?;
        let info = TokRxInfo::new(size, *self.ends.first()?);
        let trie = TokTrie::from(&info, &self.words).with_eos_tokens(&self.ends);
        Some(Arc::new(ApproximateTokEnv::new(trie)))
    }

    /// Binary encoding, with counts and lengths as little-endian `u32`.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        bytes.extend(count(self.ends.len()));
        self.ends.iter().for_each(|end| bytes.extend(end.to_le_bytes()));
        bytes.extend(count(self.words.len()));
        for word in &self.words {
            bytes.extend(count(word.len()));
            bytes.extend(word);
        }
        bytes
    }

    /// Decodes a table from the front of `bytes`; `None` if truncated.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let ends = (0..number(bytes)?).map(|_| number(bytes)).collect::<Option<_>>()?;
        let words = (0..number(bytes)?)
            .map(|_| {
                let length = usize::try_from(number(bytes)?).ok()?;
                let (word, rest) = bytes.split_at_checked(length)?;
                *bytes = rest;
                Some(word.to_vec())
            })
            .collect::<Option<_>>()?;
        Some(Self { ends, words })
    }
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

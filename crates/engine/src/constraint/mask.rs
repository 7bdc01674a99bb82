//! Token mask of a grammar at one position.

use harmonic_batching::Token;

/// A bit set over the tokens of a vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask(Box<[u64]>);

impl Mask {
    /// Tokens per word.
    pub(crate) const WORD: usize = u64::BITS as usize;

    /// Mask from 32-bit words, lowest token in the lowest bit. Tokens beyond them are not allowed.
    pub(crate) fn from_words(words: &[u32]) -> Self {
        let word =
            |pair: &[u32]| pair.iter().rev().fold(0, |word, half| (word << 32) | u64::from(*half));
        Self(words.chunks(2).map(word).collect())
    }

    /// Mask of exactly `tokens`.
    pub fn of(tokens: impl IntoIterator<Item = Token>) -> Self {
        let mut words = Vec::new();
        tokens.into_iter().for_each(|token| allow(&mut words, token));
        Self(words.into())
    }

    /// Copy that also allows `token`.
    pub(crate) fn with(&self, token: Token) -> Self {
        let mut words = self.0.to_vec();
        allow(&mut words, token);
        Self(words.into())
    }

    /// Whether `token` is allowed.
    pub fn allows(&self, token: Token) -> bool {
        let index = usize::try_from(token.0);
        index.is_ok_and(|at| (self.word(at / Self::WORD) >> (at % Self::WORD)) & 1 == 1)
    }

    /// Bits of the tokens from `at * WORD` on.
    pub(crate) fn word(&self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or(0)
    }
}

/// Sets the bit of `token`; negative ids are ignored.
fn allow(words: &mut Vec<u64>, token: Token) {
    let Ok(index) = usize::try_from(token.0) else { return };
    if words.len() <= index / Mask::WORD {
        words.resize(index / Mask::WORD + 1, 0);
    }
    words[index / Mask::WORD] |= 1 << (index % Mask::WORD);
}

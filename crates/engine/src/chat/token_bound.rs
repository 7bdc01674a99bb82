//! Lower bound of a text's length in tokens, computed from its bytes.
//!
//! Invariant: the bound never exceeds the true count, so no text that fits is rejected.
//!
//! *Counted bytes* are those outside white space that have a single-byte token. Each becomes part
//! of some token, and a token covers at most a known number of them. White space does not count,
//! because tokens may absorb any amount of it (llama.cpp's `lstrip` and `rstrip`) and templates
//! trim it. Bytes without a token do not count, because a vocabulary drops them or merges any
//! number into one token.

use std::num::NonZeroU32;

/// Lower bound of texts in one vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBound {
    /// Maximum counted bytes of one token.
    per_token: NonZeroU32,
    /// Bytes that are counted.
    counts: [bool; 256],
}

impl TokenBound {
    /// Bound for a vocabulary, given the bytes of each token and whether plain text can produce it.
    pub fn of<'a>(tokens: impl IntoIterator<Item = (&'a [u8], bool)> + Clone) -> Self {
        let mut bound = Self { per_token: NonZeroU32::MIN, counts: [false; 256] };
        for (token, plain) in tokens.clone() {
            if let ([byte], true) = (token, plain) {
                bound.counts[usize::from(*byte)] = true;
            }
        }
        // NUL ends C strings.
        bound.counts[0] = false;
        for byte in 1..128_u8 {
            bound.counts[usize::from(byte)] &= !char::from(byte).is_whitespace();
        }
        let of_token = |(token, _): (&[u8], bool)| match str::from_utf8(token) {
            Ok(text) => bound.bytes(text),
            // In part of a character, every byte may count.
            Err(_) => bound.counted(token),
        };
        let most = tokens.into_iter().map(of_token).max().unwrap_or_default();
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        Self { per_token: NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN), ..bound }
    }

    /// Minimum number of tokens of `text`.
    pub fn tokens(&self, text: &str) -> u64 {
        self.bytes(text).div_ceil(u64::from(self.per_token.get()))
    }

    /// Number of counted bytes of `text`.
    fn bytes(&self, text: &str) -> u64 {
        // Fast path: most text is ASCII, and texts may have megabytes.
        if text.is_ascii() {
            return self.counted(text.as_bytes());
        }
        let mut bytes = [0; 4];
        // SentencePiece vocabularies write a space as `▁`.
        let inked = text.chars().filter(|c| !c.is_whitespace() && *c != '\u{2581}');
        inked.map(|c| self.counted(c.encode_utf8(&mut bytes).as_bytes())).sum()
    }

    fn counted(&self, bytes: &[u8]) -> u64 {
        bytes.iter().filter(|byte| self.counts[usize::from(**byte)]).count() as u64
    }
}

#[cfg(test)]
mod tests;

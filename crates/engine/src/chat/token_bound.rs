//! How many tokens a text has at least, told from its bytes.
//!
//! Invariants: a bound is never above the true count, so it refuses nothing that would fit.
//!
//! *TokenBound* is text without white space, as far as its bytes have tokens of their own. Each byte of bound
//! becomes part of some token, and each token stands for at most so many of them. White space does
//! not count because tokens may swallow any amount of it (llama.cpp's `lstrip` and `rstrip`) and
//! templates trim it. Bytes without a token do not count because a vocabulary drops them, or makes
//! one token of any number.

use std::num::NonZeroU32;

/// The bound of texts in one vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBound {
    /// The most of it that one token stands for.
    per_token: NonZeroU32,
    /// Bytes that have a token.
    counts: [bool; 256],
}

impl TokenBound {
    /// Of a vocabulary whose tokens have these bytes; and for each, whether plain text becomes it.
    pub fn of<'a>(tokens: impl IntoIterator<Item = (&'a [u8], bool)> + Clone) -> Self {
        let mut bound = Self { per_token: NonZeroU32::MIN, counts: [false; 256] };
        for (token, plain) in tokens.clone() {
            if let ([byte], true) = (token, plain) {
                bound.counts[usize::from(*byte)] = true;
            }
        }
        // C strings end there.
        bound.counts[0] = false;
        for byte in 1..128_u8 {
            bound.counts[usize::from(byte)] &= !char::from(byte).is_whitespace();
        }
        let of_token = |(token, _): (&[u8], bool)| match str::from_utf8(token) {
            Ok(text) => bound.bytes(text),
            // Of a part of a character every byte may be bound.
            Err(_) => bound.counted(token),
        };
        let most = tokens.into_iter().map(of_token).max().unwrap_or_default();
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        Self { per_token: NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN), ..bound }
    }

    /// Tokens of `text`, at least.
    pub fn tokens(&self, text: &str) -> u64 {
        self.bytes(text).div_ceil(u64::from(self.per_token.get()))
    }

    /// The bound of `text`, in bytes.
    fn bytes(&self, text: &str) -> u64 {
        // Most text is ASCII, and this is done for megabytes.
        if text.is_ascii() {
            return self.counted(text.as_bytes());
        }
        let mut bytes = [0; 4];
        // `▁` is white space to vocabularies that write it so.
        let inked = text.chars().filter(|c| !c.is_whitespace() && *c != '\u{2581}');
        inked.map(|c| self.counted(c.encode_utf8(&mut bytes).as_bytes())).sum()
    }

    fn counted(&self, bytes: &[u8]) -> u64 {
        bytes.iter().filter(|byte| self.counts[usize::from(**byte)]).count() as u64
    }
}

#[cfg(test)]
mod tests;

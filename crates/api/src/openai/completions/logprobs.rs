//! Log-probabilities in the older form: lists side by side.

use std::fmt::Write as _;

use harmonic_types::{TokenBytes, TokenLogprob};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::openai::finite;

/// Log-probabilities of some tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextLogprobs {
    /// Their texts; a part of a character as OpenAI shows it, such as `bytes:\\xe2\\x82`.
    pub tokens: Vec<String>,
    /// The bytes of each.
    #[serde(default)]
    pub bytes: Vec<Vec<u8>>,
    /// ln p of each.
    pub token_logprobs: Vec<f32>,
    /// The most likely tokens at each place, with ln p. Of several with one text, the best.
    pub top_logprobs: Vec<Map<String, Value>>,
    /// Where each begins in the answer, in characters.
    pub text_offset: Vec<usize>,
}

impl TextLogprobs {
    /// Of `tokens`, the first of which begins at `offset`, which is moved past them.
    pub(super) fn new(tokens: &[TokenLogprob], offset: &mut usize) -> Self {
        let mut all = Self::default();
        for token in tokens {
            all.tokens.push(shown(&token.token));
            all.bytes.push(token.token.0.clone());
            all.token_logprobs.push(finite(token.logprob));
            let rivals = token.top.iter().rev();
            let rivals = rivals.map(|(token, logprob)| (shown(token), finite(*logprob).into()));
            all.top_logprobs.push(rivals.collect());
            all.text_offset.push(*offset);
            // A character counts with its first byte.
            *offset += token.token.0.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        }
        all
    }
}

/// A token as text, or its bytes where it is none.
fn shown(token: &TokenBytes) -> String {
    let bytes = match std::str::from_utf8(&token.0) {
        Ok(text) => return text.to_owned(),
        Err(_) => &token.0,
    };
    bytes.iter().fold("bytes:".to_owned(), |mut shown, byte| {
        // Writing to a string cannot fail.
        let _written = write!(shown, "\\x{byte:02x}");
        shown
    })
}

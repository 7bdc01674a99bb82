//! Log-probabilities in the older form: parallel lists.

use std::fmt::Write as _;

use harmonic_types::{TokenBytes, TokenLogprob};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::openai::finite;

/// Log-probabilities of consecutive tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextLogprobs {
    /// Texts of the tokens; a partial character as OpenAI shows it, such as `bytes:\\xe2\\x82`.
    pub tokens: Vec<String>,
    /// Bytes of each token.
    #[serde(default)]
    pub bytes: Vec<Vec<u8>>,
    /// ln p of each token.
    pub token_logprobs: Vec<f32>,
    /// Most likely tokens at each position, with ln p. Among tokens with equal text, the most
    /// likely.
    pub top_logprobs: Vec<Map<String, Value>>,
    /// Offset of each token in the answer, in characters.
    pub text_offset: Vec<usize>,
}

impl TextLogprobs {
    /// Log-probabilities of `tokens`, the first of which is at `offset`, which is advanced past
    /// them.
    pub(super) fn new(tokens: &[TokenLogprob], offset: &mut usize) -> Self {
        let mut all = Self::default();
        for token in tokens {
            all.tokens.push(displayed(&token.token));
            all.bytes.push(token.token.0.clone());
            all.token_logprobs.push(finite(token.logprob));
            let alternatives = token.top.iter().rev();
            let alternatives =
                alternatives.map(|(token, logprob)| (displayed(token), finite(*logprob).into()));
            all.top_logprobs.push(alternatives.collect());
            all.text_offset.push(*offset);
            // A character is counted at its first byte.
            *offset += token.token.0.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        }
        all
    }
}

/// Token as text, or its bytes if it is not UTF-8.
fn displayed(token: &TokenBytes) -> String {
    let bytes = match std::str::from_utf8(&token.0) {
        Ok(text) => return text.to_owned(),
        Err(_) => &token.0,
    };
    bytes.iter().fold("bytes:".to_owned(), |mut displayed, byte| {
        // Writing to a string cannot fail.
        let _written = write!(displayed, "\\x{byte:02x}");
        displayed
    })
}

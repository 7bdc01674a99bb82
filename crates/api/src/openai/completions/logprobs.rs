//! Log-probabilities in the older form: lists side by side.

use harmonic_types::TokenLogprob;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::openai::finite;

/// Log-probabilities of some tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextLogprobs {
    /// Their texts.
    pub tokens: Vec<String>,
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
            all.tokens.push(token.text.clone());
            all.token_logprobs.push(finite(token.logprob));
            let rivals = token.top.iter().rev();
            let rivals = rivals.map(|(text, logprob)| (text.clone(), finite(*logprob).into()));
            all.top_logprobs.push(rivals.collect());
            all.text_offset.push(*offset);
            *offset += token.text.chars().count();
        }
        all
    }
}

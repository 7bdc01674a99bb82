//! Log-probabilities of a choice and its rivals.

use harmonic_sched::Token;

use super::shortlist::{Candidate, best};

/// ln p of tokens at one position, from the raw logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Logprobs {
    /// Of the chosen token.
    pub chosen: f32,
    /// Of the best tokens, best first.
    pub top: Vec<(Token, f32)>,
}

impl Logprobs {
    /// Of `token` and of the `top` best among `logits`.
    pub fn of(logits: &[f32], token: Token, top: u8) -> Self {
        let max = logits.iter().fold(f32::NEG_INFINITY, |max, logit| max.max(*logit));
        // f64: a sum of 10^5 small terms loses digits in f32.
        let sum: f64 = logits
            .iter()
            .filter(|logit| !logit.is_nan())
            .map(|logit| f64::from(logit - max).exp())
            .sum();
        #[expect(clippy::cast_possible_truncation, reason = "ln of a sum below 2^18 fits an f32")]
        let normaliser = max + sum.ln() as f32;
        let chosen = Candidate::of(logits, token).map_or(f32::NEG_INFINITY, |c| c.logit);
        let top = best(logits, usize::from(top));
        Self {
            chosen: chosen - normaliser,
            top: top.into_iter().map(|c| (c.token, c.logit - normaliser)).collect(),
        }
    }
}

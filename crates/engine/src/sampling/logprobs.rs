//! Log-probabilities of the chosen and the best tokens.

use harmonic_batching::Token;

use super::mass::mass;
use super::ranking::Ranking;
use super::row::Row;

/// Natural log-probabilities at one position, from the raw logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Logprobs {
    /// Log-probability of the chosen token.
    pub chosen: f32,
    /// Best tokens with their log-probabilities, best first.
    pub top: Vec<(Token, f32)>,
}

impl Logprobs {
    /// Log-probabilities of `token` and of the `top` best among `logits`.
    pub fn of(logits: &[f32], token: Token, top: u8) -> Self {
        let row = Row::plain(logits);
        let mut ranking = Ranking::of(row);
        let max = ranking.best(1).first().map_or(f32::NEG_INFINITY, |best| best.logit);
        #[expect(clippy::cast_possible_truncation, reason = "ln of a sum below 2^18 fits an f32")]
        let normaliser = max + mass(&row, max, 1.0).ln() as f32;
        let chosen = usize::try_from(token.0).ok().and_then(|index| logits.get(index).copied());
        let top = ranking.best(usize::from(top)).iter();
        Self {
            chosen: chosen.unwrap_or(f32::NEG_INFINITY) - normaliser,
            top: top.map(|c| (c.token, c.logit - normaliser)).collect(),
        }
    }
}

//! How many words make a prompt of so many tokens, by the target's own count.
//!
//! Owns: three short requests and the line through their counts.
//!
//! Invariants: tokens asked for are those of the user's text. What the template and the system
//! prompt add is taken off: a prompt of one common word is that, and one token more.
//!
//! Does not do: tokenise. A target is a black box.

use crate::asks::Asks;
use crate::config::BenchConfig;
use crate::target::{Ask, Target, TargetError};

/// Words of the two prompts that the line goes through.
const SHORT: u32 = 8;
const LONG: u32 = 72;

/// A common word, one token in any vocabulary.
const ONE_TOKEN: &str = "open";

/// The words that a prompt of `tokens` tokens needs; `None` where the target's counts do not grow
/// with the words.
pub async fn words<T: Target>(
    target: &T,
    asks: &Asks<'_>,
    tokens: u32,
) -> Result<Option<u32>, TargetError> {
    let first = asks.next(1);
    let shortest = Ask { prompt: ONE_TOKEN.to_owned(), ..first.clone() };
    let base = count(target, asks, shortest).await?.saturating_sub(1);
    let mut counts = [0; 2];
    for (count_of, words) in counts.iter_mut().zip([SHORT, LONG]) {
        let prompt = asks.prompt_of(words);
        *count_of = count(target, asks, Ask { prompt, ..first.clone() }).await?;
    }
    Ok(solve(base, counts, tokens))
}

async fn count<T: Target>(target: &T, asks: &Asks<'_>, ask: Ask) -> Result<u32, TargetError> {
    Ok(asks.answer(target, ask, || ()).await?.prompt)
}

/// The words at which the line through (SHORT, `counts[0]`) and (LONG, `counts[1]`), less `base`,
/// reaches `tokens`.
fn solve(base: u32, counts: [u32; 2], tokens: u32) -> Option<u32> {
    let [short, long] = counts.map(f64::from);
    let per_word = (long - short) / f64::from(LONG - SHORT);
    if per_word <= 0.0 {
        return None;
    }
    let missing = f64::from(tokens) + f64::from(base) - short;
    let words = f64::from(SHORT) + missing / per_word;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what a prompt can have"
    )]
    let words = words.round().clamp(f64::from(BenchConfig::LEAST_WORDS), 1e6) as u32;
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_solved_for_the_words() {
        // 30 tokens of template; the nonce has 12 tokens, each further word 1.25.
        let count = |words: u32| 30 + 12 + (words - 1) * 5 / 4;
        let words = solve(30, [count(SHORT), count(LONG)], 50).unwrap();
        let found = count(words) - 30;
        assert!(found.abs_diff(50) <= 1, "{words} words make {found} tokens");
        assert_eq!(solve(30, [count(SHORT), count(LONG)], 1), Some(BenchConfig::LEAST_WORDS));
    }

    #[test]
    fn counts_that_do_not_grow_give_nothing() {
        assert_eq!(solve(99, [100, 100], 50), None);
    }
}

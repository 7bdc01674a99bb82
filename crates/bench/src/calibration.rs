//! Calibration of the prompt length: words per prompt for a number of tokens, by the target's count.
//!
//! Owns: three short requests and the line fitted to their token counts.
//!
//! Invariants: the requested tokens are those of the user message. Tokens of the template and the
//! system prompt are subtracted: they are the count of a one-word prompt less one.
//!
//! Does not do: tokenise; the target is a black box.

use crate::config::BenchConfig;
use crate::target::{RequestSpec, Target, TargetError};
use crate::workload::Workload;

/// Words of the two prompts that define the line.
const SHORT: u32 = 8;
const LONG: u32 = 72;

/// A common word, one token in any vocabulary.
const ONE_TOKEN: &str = "open";

/// Words of a prompt of `tokens` tokens; `None` where the target's counts do not increase with the
/// words.
pub async fn words<T: Target>(
    target: &T,
    workload: &Workload<'_>,
    tokens: u32,
) -> Result<Option<u32>, TargetError> {
    let first = workload.next(1);
    let shortest = RequestSpec { prompt: ONE_TOKEN.to_owned(), ..first.clone() };
    let base = count(target, workload, shortest).await?.saturating_sub(1);
    let mut counts = [0; 2];
    for (count_of, words) in counts.iter_mut().zip([SHORT, LONG]) {
        let prompt = workload.prompt_of(words);
        *count_of = count(target, workload, RequestSpec { prompt, ..first.clone() }).await?;
    }
    Ok(solve(base, counts, tokens))
}

async fn count<T: Target>(
    target: &T,
    workload: &Workload<'_>,
    request: RequestSpec,
) -> Result<u32, TargetError> {
    Ok(workload.receive(target, request, || ()).await?.prompt_tokens)
}

/// Words at which the line through (SHORT, `counts[0]`) and (LONG, `counts[1]`), less `base`,
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
        reason = "clamped to the range of prompt lengths"
    )]
    let words = words.round().clamp(f64::from(BenchConfig::MIN_PROMPT_WORDS), 1e6) as u32;
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
        assert_eq!(solve(30, [count(SHORT), count(LONG)], 1), Some(BenchConfig::MIN_PROMPT_WORDS));
    }

    #[test]
    fn counts_that_do_not_grow_give_nothing() {
        assert_eq!(solve(99, [100, 100], 50), None);
    }
}

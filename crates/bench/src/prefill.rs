//! How fast a target reads a prompt: the arithmetic behind its roof.
//!
//! Owns: a few long requests, one after the other, of one token of answer each. The fastest counts,
//! because a roof is what is possible. Prompts that the target refuses are halved: its context may
//! be short.
//!
//! Does not do: tell arithmetic from what else a first token takes. So the figure is a little low,
//! which the roof's margin bears.

use tokio::time::Instant;

use crate::asks::Asks;
use crate::config::{BenchConfig, Load};
use crate::target::{Ask, Target, TargetError};
use harmonic_types::TokensPerSecond;

/// Requests of which the fastest counts.
const REQUESTS: u32 = 4;

/// Words of each: enough to keep all units busy.
const WORDS: u32 = 600;

/// Words with which it is given up: what so few take is not arithmetic.
const TOO_FEW: u32 = 30;

/// Prompt tokens per second that `target` reads at most, by its own count, less what a cache
/// answered; `None` where it counts none.
///
/// # Errors
/// When it does not answer.
pub async fn prefill<T: Target>(
    target: &T,
    config: &BenchConfig,
    load: &Load,
) -> Result<Option<TokensPerSecond>, TargetError> {
    let mut words = WORDS;
    loop {
        match with_words(target, config, load, words).await {
            Err(TargetError::Refused { .. }) if words / 2 > TOO_FEW => words /= 2,
            found => return found,
        }
    }
}

async fn with_words<T: Target>(
    target: &T,
    config: &BenchConfig,
    load: &Load,
    words: u32,
) -> Result<Option<TokensPerSecond>, TargetError> {
    let Some(agent) = load.agents.first() else { return Ok(None) };
    // Far from the requests of a run.
    let asks = Asks::new(config, load, words, 1 << 40);
    let mut best = None;
    for _ in 0..REQUESTS {
        let ask = Ask { agent: agent.clone(), ..asks.next(1) };
        let began = Instant::now();
        let counted = asks.answer(target, ask, || ()).await?;
        let read = counted.prompt.saturating_sub(counted.cached.unwrap_or(0));
        let seconds = began.elapsed().as_secs_f64();
        if read > 0 && seconds > 0.0 {
            best = Some(f64::max(best.unwrap_or(0.0), f64::from(read) / seconds));
        }
    }
    Ok(best.map(TokensPerSecond))
}

//! Prefill rate of a target, from which the compute limit of its roof is derived.
//!
//! Owns: a few sequential long requests with one output token each. The fastest counts, because a
//! roof is an upper bound. Prompts refused by the target are halved: its context may be short.
//!
//! Does not do: separate arithmetic from other parts of the time to first token. The figure is
//! therefore slightly low, within the margin of the roof.

use tokio::time::Instant;

use crate::config::{BenchConfig, Load};
use crate::target::{RequestSpec, Target, TargetError};
use crate::workload::Workload;
use harmonic_types::TokensPerSecond;

/// Number of requests, of which the fastest counts.
const REQUESTS: u32 = 4;

/// Words per prompt: enough to keep all compute units busy.
const WORDS: u32 = 600;

/// Words at or below which prompts are not halved again: the time of so few is not arithmetic.
const TOO_FEW: u32 = 30;

/// Maximum prompt tokens per second of `target`, by its own count without cached tokens; `None`
/// where it reports none.
///
/// # Errors
/// When the target does not respond.
pub async fn prefill_rate<T: Target>(
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
    // Request numbers that no run reaches.
    let workload = Workload::new(config, load, words, 1 << 40);
    let mut best = None;
    for _ in 0..REQUESTS {
        let request = RequestSpec { agent: agent.clone(), ..workload.next(1) };
        let started = Instant::now();
        let usage = workload.receive(target, request, || ()).await?;
        let read = usage.prompt_tokens.saturating_sub(usage.cached_tokens.unwrap_or(0));
        let seconds = started.elapsed().as_secs_f64();
        if read > 0 && seconds > 0.0 {
            best = Some(f64::max(best.unwrap_or(0.0), f64::from(read) / seconds));
        }
    }
    Ok(best.map(TokensPerSecond))
}

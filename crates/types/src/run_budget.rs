//! What a run may spend, and what it has spent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Joules;

/// Bounds of a run over all its tasks; `None` is no bound. None is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunBudget {
    /// Prompt tokens that were computed (not restored from a cache) and output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Wall time while the run is not waiting for a person, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// Energy of the machine beyond its idle power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joules: Option<Joules>,
}

/// What a run, or a part of it, has spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunSpent {
    /// Prompt tokens, restored ones included.
    pub prompt_tokens: u64,
    /// Prompt tokens that were restored from a cache.
    pub cached_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Time, in milliseconds.
    pub time_ms: u64,
    /// Energy beyond idle power; `None` without a meter.
    pub joules: Option<Joules>,
}

impl RunSpent {
    /// Tokens that count against [`RunBudget::tokens`].
    pub fn tokens(&self) -> u64 {
        self.prompt_tokens.saturating_sub(self.cached_tokens).saturating_add(self.output_tokens)
    }

    /// Its time.
    pub fn time(&self) -> Duration {
        Duration::from_millis(self.time_ms)
    }
}

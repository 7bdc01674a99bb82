//! How much prefill fits into a step while others decode.
//!
//! Learns from the steps that were: what a step of decoding takes, and what a token of prefill adds
//! to it. Both drift (longer contexts cost more), so the latest steps count most.

use std::time::Duration;

/// Seconds of a token of prefill until one was timed: a small model on a few cores. It only matters
/// before the first prompt.
const DEFAULT_PREFILL_S: f64 = 1e-3;
/// Weight of the latest step.
const EWMA_WEIGHT: f64 = 0.3;
/// Steps with less prefill say little of what a token of it costs.
const MIN_SAMPLE_TOKENS: u32 = 16;
/// A prompt advances by whole tiles, at least one, however slow the machine is: llama.cpp's attention
/// on CPUs takes 64 tokens at a time, and fewer than that one by one, some five times as slow at 3,500
/// tokens (`GGML_FA_TILE_Q`, build 11434).
const TILE: usize = 64;

/// What steps have taken lately.
#[derive(Debug)]
pub(crate) struct PrefillBudget {
    /// How long a step may take while any sequence decodes.
    bound: Duration,
    /// Seconds of a step that only decodes.
    decode_s: Option<f64>,
    /// Seconds that a token of prefill adds to a step.
    prefill_s: Option<f64>,
}

impl PrefillBudget {
    pub(crate) fn new(bound: Duration) -> Self {
        Self { bound, decode_s: None, prefill_s: None }
    }

    /// Seconds that the next step may spend on anything but decoding while any sequence decodes: what
    /// that leaves of the bound, and at least as much as that, or a slow machine would never get to
    /// the end of a prompt.
    pub(crate) fn beside_decoding_s(&self) -> f64 {
        let decode = self.decode_s.unwrap_or(0.0);
        (self.bound.as_secs_f64() - decode).max(decode)
    }

    /// Tokens of prefill that the next step may have while any sequence decodes, beside copies in the
    /// cache that take `copy_s` seconds; `None` is no limit, as long as nothing is known.
    pub(crate) fn prefill_tokens(&self, copy_s: f64) -> Option<usize> {
        let cost = self.prefill_s.filter(|cost| *cost > 0.0)?;
        let time = (self.beside_decoding_s() - copy_s).max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and a float that is too large becomes the largest integer"
        )]
        let tokens = (time / cost) as usize;
        Some((tokens / TILE * TILE).max(TILE))
    }

    /// Seconds that a token of prefill takes, as far as is known.
    pub(crate) fn token_s(&self) -> f64 {
        self.prefill_s.unwrap_or(DEFAULT_PREFILL_S)
    }

    /// A step of `decoding` sequences and `prefill` tokens has taken `took`.
    pub(crate) fn observe(&mut self, decoding: u32, prefill: u32, took: Duration) {
        let took = took.as_secs_f64();
        if prefill == 0 && decoding > 0 {
            self.decode_s = Some(ewma(self.decode_s, took));
        } else if prefill >= MIN_SAMPLE_TOKENS {
            let decode = if decoding > 0 { self.decode_s.unwrap_or(0.0) } else { 0.0 };
            // A step of many sequences that have just started may cost less than the decode step
            // of those before: never conclude that prefill is free.
            let added = (took - decode).max(took / 4.0);
            self.prefill_s = Some(ewma(self.prefill_s, added / f64::from(prefill)));
        }
    }
}

/// An average in which the latest figure counts most.
pub(crate) fn ewma(before: Option<f64>, now: f64) -> f64 {
    before.map_or(now, |before| before + EWMA_WEIGHT * (now - before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(decode_ms: u64, prefill_us: u64) -> PrefillBudget {
        let mut budget = PrefillBudget::new(Duration::from_millis(200));
        budget.observe(8, 0, Duration::from_millis(decode_ms));
        let tokens = 100;
        budget.observe(8, tokens, Duration::from_micros(decode_ms * 1000 + prefill_us * 100));
        budget
    }

    #[test]
    fn prefill_fills_what_decoding_leaves_of_the_bound() {
        assert_eq!(budget(20, 1000).prefill_tokens(0.0), Some(128));
        assert_eq!(budget(20, 1000).prefill_tokens(0.1), Some(64), "copies have their part");
    }

    #[test]
    fn a_slow_machine_shares_its_time_between_both() {
        assert_eq!(budget(1000, 10_000).prefill_tokens(0.0), Some(TILE));
        assert_eq!(budget(1000, 1_000_000).prefill_tokens(0.0), Some(TILE));
    }

    #[test]
    fn nothing_known_is_no_limit() {
        assert_eq!(PrefillBudget::new(Duration::from_millis(200)).prefill_tokens(0.0), None);
    }
}

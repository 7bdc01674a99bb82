//! Prefill budget of a step while other sequences decode.
//!
//! Learns the time of a decode step and the time that a prefill token adds from past steps. Both
//! drift (longer contexts cost more), so recent steps have more weight.

use std::time::Duration;

/// Seconds per prefill token assumed until measured: a small model on a few cores. Only used before
/// the first prompt.
const DEFAULT_PREFILL_S: f64 = 1e-3;
/// Weight of the latest sample in the moving average.
const EWMA_WEIGHT: f64 = 0.3;
/// Steps with fewer prefill tokens are not sampled.
const MIN_SAMPLE_TOKENS: u32 = 16;
/// Tokens of a tile. Prompts advance by whole tiles, at least one per step: llama.cpp's attention
/// on CPUs computes 64 tokens at a time and fewer one by one, about five times slower at 3,500
/// tokens (`GGML_FA_TILE_Q`, build 11434).
const TILE: usize = 64;

/// Step time bound and the measured times of recent steps.
#[derive(Debug)]
pub(crate) struct PrefillBudget {
    /// Bound on the time of a step while any sequence decodes.
    bound: Duration,
    /// Seconds of a decode-only step.
    decode_s: Option<f64>,
    /// Seconds added to a step by a prefill token.
    prefill_s: Option<f64>,
}

impl PrefillBudget {
    pub(crate) fn new(bound: Duration) -> Self {
        Self { bound, decode_s: None, prefill_s: None }
    }

    /// Seconds available in the next step for work other than decoding while any sequence decodes:
    /// the rest of the bound, and at least the decode time, so that prompts progress on slow
    /// machines.
    pub(crate) fn beside_decoding_s(&self) -> f64 {
        let decode = self.decode_s.unwrap_or(0.0);
        (self.bound.as_secs_f64() - decode).max(decode)
    }

    /// Limit on prefill tokens in the next step while any sequence decodes, beside copies in the
    /// cache that take `copy_s` seconds; `None`, without limit, until prefill has been measured.
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

    /// Estimated seconds per prefill token.
    pub(crate) fn token_s(&self) -> f64 {
        self.prefill_s.unwrap_or(DEFAULT_PREFILL_S)
    }

    /// Records that a step of `decoding` sequences and `prefill` tokens took `took`.
    pub(crate) fn observe(&mut self, decoding: u32, prefill: u32, took: Duration) {
        let took = took.as_secs_f64();
        if prefill == 0 && decoding > 0 {
            self.decode_s = Some(ewma(self.decode_s, took));
        } else if prefill >= MIN_SAMPLE_TOKENS {
            let decode = if decoding > 0 { self.decode_s.unwrap_or(0.0) } else { 0.0 };
            // A step of sequences that have just started may take less than an earlier decode step:
            // prefill must not appear free.
            let added = (took - decode).max(took / 4.0);
            self.prefill_s = Some(ewma(self.prefill_s, added / f64::from(prefill)));
        }
    }
}

/// Exponentially weighted moving average.
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
        assert_eq!(budget(20, 1000).prefill_tokens(0.1), Some(64), "copies use part of the time");
    }

    #[test]
    fn a_slow_machine_shares_its_time_between_both() {
        assert_eq!(budget(1000, 10_000).prefill_tokens(0.0), Some(TILE));
        assert_eq!(budget(1000, 1_000_000).prefill_tokens(0.0), Some(TILE));
    }

    #[test]
    fn there_is_no_limit_before_the_first_measurement() {
        assert_eq!(PrefillBudget::new(Duration::from_millis(200)).prefill_tokens(0.0), None);
    }
}

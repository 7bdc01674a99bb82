//! Cost of copies in the cache, compared with computing the same tokens.
//!
//! Learns the time to save and to restore a byte from the cache operations of each step. Reads no
//! clock.

use std::ops::AddAssign;
use std::time::Duration;

use harmonic_types::Bytes;

use crate::prefill_budget::ewma;

/// Seconds to save and to restore a byte, assumed until some are measured: 6.9 MB took 3 ms and
/// 0.35 ms on two cores (`docs/sources.md#copies-of-a-sequence`); restoring is assumed half as
/// fast.
const DEFAULT_RATES: CostRates =
    CostRates { token_s: 0.0, save_s: 1.0 / 2e9, restore_s: 1.0 / 1e10 };
/// Smaller copies are not sampled: their fixed costs dominate.
const MIN_SAMPLE_BYTES: Bytes = Bytes(1 << 20);

/// Share by which a rate slower than [`DEFAULT_RATES`] decays to it with each step without a
/// sample.
const DECAY: f64 = 0.001;

/// Bytes copied by cache operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CopyVolume {
    pub(crate) saved: Bytes,
    pub(crate) restored: Bytes,
}

impl CopyVolume {
    pub(crate) fn saving(bytes: Bytes) -> Self {
        Self { saved: bytes, ..Self::default() }
    }

    pub(crate) fn restoring(bytes: Bytes) -> Self {
        Self { restored: bytes, ..Self::default() }
    }

    /// A copy from one sequence to another, through memory.
    pub(crate) fn across(bytes: Bytes) -> Self {
        Self { saved: bytes, restored: bytes }
    }
}

impl AddAssign for CopyVolume {
    fn add_assign(&mut self, more: Self) {
        self.saved += more.saved;
        self.restored += more.restored;
    }
}

/// Costs of computing and copying, in seconds.
#[expect(clippy::struct_field_names, reason = "their unit")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct CostRates {
    /// Per computed token.
    pub(crate) token_s: f64,
    /// Per saved byte.
    pub(crate) save_s: f64,
    /// Per restored byte.
    pub(crate) restore_s: f64,
}

impl CostRates {
    /// Time of a copy, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(crate) fn copy_s(self, CopyVolume { saved, restored }: CopyVolume) -> f64 {
        saved.0 as f64 * self.save_s + restored.0 as f64 * self.restore_s
    }

    /// Seconds saved by copying `tokens` instead of computing them; negative if computing is
    /// faster.
    pub(crate) fn saved_s(self, tokens: u32, copied: CopyVolume) -> f64 {
        f64::from(tokens) * self.token_s - self.copy_s(copied)
    }
}

/// Measured costs of recent copies.
#[derive(Debug)]
pub(crate) struct CopyCosts {
    rates: CostRates,
    timed: bool,
}

impl Default for CopyCosts {
    fn default() -> Self {
        Self { rates: DEFAULT_RATES, timed: false }
    }
}

impl CopyCosts {
    /// Cost estimates, given that computing a token takes `token_s` seconds.
    pub(crate) fn rates(&self, token_s: f64) -> CostRates {
        CostRates { token_s, ..self.rates }
    }

    /// Records that the copies of a step took `took`. The time is divided between saving and
    /// restoring in proportion to the current estimates.
    pub(crate) fn observe(&mut self, copied: CopyVolume, took: Duration) {
        let CostRates { save_s, restore_s, .. } = self.rates;
        let expected = self.rates.copy_s(copied);
        let [saved, restored] =
            [copied.saved, copied.restored].map(|bytes| bytes >= MIN_SAMPLE_BYTES);
        if !(saved || restored) {
            self.forget();
        } else if took > Duration::ZERO && expected > 0.0 {
            let slower = took.as_secs_f64() / expected;
            if !self.timed {
                (self.rates.save_s, self.rates.restore_s) = (save_s * slower, restore_s * slower);
            }
            if self.timed && saved {
                self.rates.save_s = ewma(Some(save_s), save_s * slower);
            }
            if self.timed && restored {
                self.rates.restore_s = ewma(Some(restore_s), restore_s * slower);
            }
            // One slow restore must not rule out all further ones.
            self.rates.restore_s = self.rates.restore_s.min(self.rates.save_s);
            self.timed = true;
        }
    }

    /// Decays slow rates towards the defaults, so that copying is tried again: rates that rule it
    /// out would never be measured again.
    fn forget(&mut self) {
        let CostRates { save_s, restore_s, .. } = &mut self.rates;
        for (rate, untimed) in
            [(save_s, DEFAULT_RATES.save_s), (restore_s, DEFAULT_RATES.restore_s)]
        {
            if *rate > untimed {
                *rate += DECAY * (untimed - *rate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn rates_follow_measurements() {
        let mut copies = CopyCosts::default();
        let taken = |copies: &CopyCosts, copied| copies.rates(0.0).copy_s(copied);
        let save = CopyVolume::saving(Bytes(100 * MB));
        copies.observe(CopyVolume::saving(Bytes(1000)), Duration::from_secs(1));
        let untimed = taken(&copies, save);
        assert!((untimed - 0.05).abs() < 1e-9, "a small copy is no sample: {untimed}");
        for _ in 0..30 {
            copies.observe(save, Duration::from_millis(10));
            copies.observe(CopyVolume::across(Bytes(100 * MB)), Duration::from_millis(15));
        }
        let both = taken(&copies, CopyVolume::across(Bytes(100 * MB)));
        assert!((both - 0.015).abs() < 0.001, "{both}");
        copies.observe(save, Duration::from_secs(30));
        assert!(taken(&copies, save) > 5.0, "a slow copy counts");
        for _ in 0..20_000 {
            copies.observe(CopyVolume::default(), Duration::from_nanos(50));
        }
        assert!(taken(&copies, save) < 0.06, "and is forgotten");
    }

    /// On a machine that copies a hundred times as fast as the default.
    #[test]
    fn the_first_save_updates_the_restore_rate_as_well() {
        let mut copies = CopyCosts::default();
        copies.observe(CopyVolume::saving(Bytes(100 * MB)), Duration::from_micros(500));
        let restored = copies.rates(0.0).copy_s(CopyVolume::restoring(Bytes(100 * MB)));
        assert!((restored - 0.0001).abs() < 1e-6, "{restored}");
    }

    #[test]
    fn one_more_token_does_not_justify_a_gigabyte() {
        let rates = CopyCosts::default().rates(1e-3);
        let of = |tokens, bytes| rates.saved_s(tokens, CopyVolume::restoring(Bytes(bytes)));
        assert!(of(100, 2 * MB) > of(101, 900 * MB));
        assert!(of(1, 900 * MB) < 0.0);
    }
}

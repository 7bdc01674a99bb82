//! Units as types, so that figures of different dimensions cannot be added.
//!
//! All are plain numbers in JSON. Output for people is decimal (1 GB = 10^9 bytes, as in the
//! paper).

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};

use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// Zero bytes.
    pub const ZERO: Self = Self(0);

    /// From decimal gigabytes (10^9 bytes), rounded to the nearest byte.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a negative or huge figure saturates, as a memory size should"
    )]
    pub fn from_gb(gigabytes: f64) -> Self {
        Self((gigabytes * 1e9).round() as u64)
    }

    /// In decimal gigabytes (10^9 bytes).
    pub fn as_gb(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// `self - other`, or zero if `other` is larger.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Bytes {
    /// Decimal, one digit after the point: `98.4 MB`, `13.2 GB`. Honours the formatter's width.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0..1_000 => format!("{} B", self.0),
            1_000..1_000_000 => format!("{:.1} kB", self.0 as f64 / 1e3),
            1_000_000..1_000_000_000 => format!("{:.1} MB", self.0 as f64 / 1e6),
            _ => format!("{:.1} GB", self.as_gb()),
        };
        f.pad(&text)
    }
}

impl Add for Bytes {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Bytes {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Mul<u64> for Bytes {
    type Output = Self;
    fn mul(self, factor: u64) -> Self {
        Self(self.0 * factor)
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::ZERO, Add::add)
    }
}

/// A number of tokens.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Tokens(pub u32);

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! rate {
    ($(#[$doc:meta])* $name:ident, $suffix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!(concat!("{:.1} ", $suffix), self.0))
            }
        }
    };
}

rate!(
/// Tokens per second; output tokens unless the field's name states otherwise.
    TokensPerSecond, "tok/s"
);
rate!(
    /// Electrical power. Meaningless without the scope of the reading ([`crate::PowerScope`]).
    Watts, "W"
);
rate!(
    /// Energy.
    Joules, "J"
);
rate!(
    /// Memory bandwidth.
    BytesPerSecond, "B/s"
);
rate!(
    /// Arithmetic throughput.
    FlopsPerSecond, "FLOP/s"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_as_decimal_units() {
        let shown = [0, 999, 98_362, 98_362_432, 13_200_000_000].map(|n| Bytes(n).to_string());
        assert_eq!(shown, ["0 B", "999 B", "98.4 kB", "98.4 MB", "13.2 GB"]);
    }

    #[test]
    fn gigabytes_round_trip() {
        assert_eq!(Bytes::from_gb(108.8), Bytes(108_800_000_000));
        assert!((Bytes(2_500_000_000).as_gb() - 2.5).abs() < 1e-12);
    }
}

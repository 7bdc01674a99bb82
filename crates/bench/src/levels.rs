//! Levels of parallelism, and the load point of a measurement.
//!
//! Invariants: each level is from 1 to [`Levels::MAX`], without duplicates.

use std::fmt;
use std::str::FromStr;

use crate::error::LevelsError;

/// Levels of parallelism in the requested order, without duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels(Vec<u32>);

impl Levels {
    /// Maximum level; with more streams from one client, the client and its sockets are the limit.
    pub const MAX: u32 = 1024;

    /// Validated levels, without duplicates.
    ///
    /// # Errors
    /// An empty list, or a level that is 0 or above [`Levels::MAX`].
    pub fn new(levels: impl IntoIterator<Item = u32>) -> Result<Self, LevelsError> {
        let mut kept: Vec<u32> = Vec::new();
        for level in levels {
            if level == 0 || level > Self::MAX {
                return Err(LevelsError::OutOfRange { level });
            }
            if !kept.contains(&level) {
                kept.push(level);
            }
        }
        if kept.is_empty() { Err(LevelsError::None) } else { Ok(Self(kept)) }
    }

    /// Levels in the requested order.
    pub fn requested(&self) -> &[u32] {
        &self.0
    }

    /// Levels from the smallest to the largest.
    pub fn ascending(&self) -> Vec<u32> {
        let mut levels = self.0.clone();
        levels.sort_unstable();
        levels
    }
}

/// Load of one measurement of a series; ordered by size.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum LoadPoint {
    /// Number of streams.
    Parallel(u32),
    /// Requests per second.
    Rate(f64),
}

impl LoadPoint {
    /// Number of streams; `None` for a rate.
    pub const fn parallel(&self) -> Option<u32> {
        match self {
            Self::Parallel(parallel) => Some(*parallel),
            Self::Rate(_) => None,
        }
    }
}

impl fmt::Display for LoadPoint {
    /// Formats as `8x` or `2.5/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parallel(parallel) => write!(f, "{parallel}x"),
            Self::Rate(rate) => write!(f, "{rate}/s"),
        }
    }
}

impl FromStr for Levels {
    type Err = LevelsError;

    /// Parses comma-separated numbers: `1,8,32`.
    fn from_str(text: &str) -> Result<Self, LevelsError> {
        let parse =
            |part: &str| part.trim().parse().map_err(|_| LevelsError::NotANumber(part.to_owned()));
        let levels: Vec<u32> = text.split(',').map(parse).collect::<Result<_, _>>()?;
        Self::new(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_keep_the_order_and_drop_repeats() {
        let levels: Levels = "8, 1,32,8".parse().unwrap();
        assert_eq!(levels.requested(), [8, 1, 32]);
        assert_eq!(levels.ascending(), [1, 8, 32]);
    }

    #[test]
    fn bad_levels_are_named() {
        let refused = |text: &str| text.parse::<Levels>().unwrap_err().to_string();
        insta::assert_snapshot!(refused("1,0"), @"invalid level `0`: expected 1 to 1024");
        insta::assert_snapshot!(refused("1,x8"), @"invalid level `x8`: expected numbers such as 1,8,32");
        insta::assert_snapshot!(refused(""), @"invalid level ``: expected numbers such as 1,8,32");
        assert_eq!(Levels::new([]), Err(LevelsError::None));
    }
}

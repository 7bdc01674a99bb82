//! How many streams, level by level; or how many requests per second.
//!
//! Invariants: each level is at least 1 and at most [`Levels::MOST`], and none comes twice.

use std::fmt;
use std::str::FromStr;

use crate::error::LevelsError;

/// Levels of parallelism, each at least 1 and none twice, in the order they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels(Vec<u32>);

impl Levels {
    /// More streams than this from one client measure the client and its sockets.
    pub const MOST: u32 = 1024;

    /// Checks the levels; one that is repeated counts once.
    ///
    /// # Errors
    /// No level at all, or one that is 0 or above [`Levels::MOST`].
    pub fn new(levels: impl IntoIterator<Item = u32>) -> Result<Self, LevelsError> {
        let mut kept: Vec<u32> = Vec::new();
        for level in levels {
            if level == 0 || level > Self::MOST {
                return Err(LevelsError::OutOfRange { level });
            }
            if !kept.contains(&level) {
                kept.push(level);
            }
        }
        if kept.is_empty() { Err(LevelsError::None) } else { Ok(Self(kept)) }
    }

    /// As asked for.
    pub fn as_asked(&self) -> &[u32] {
        &self.0
    }

    /// From the smallest to the largest.
    pub fn ascending(&self) -> Vec<u32> {
        let mut levels = self.0.clone();
        levels.sort_unstable();
        levels
    }
}

/// One point of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// So many streams.
    Parallel(u32),
    /// So many requests per second.
    Rate(f64),
}

impl Step {
    /// The streams, where that is what it counts.
    pub const fn parallel(&self) -> Option<u32> {
        match self {
            Self::Parallel(parallel) => Some(*parallel),
            Self::Rate(_) => None,
        }
    }
}

impl fmt::Display for Step {
    /// `8x`, `2.5/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parallel(parallel) => write!(f, "{parallel}x"),
            Self::Rate(rate) => write!(f, "{rate}/s"),
        }
    }
}

impl FromStr for Levels {
    type Err = LevelsError;

    /// Comma-separated: `1,8,32`.
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
        assert_eq!(levels.as_asked(), [8, 1, 32]);
        assert_eq!(levels.ascending(), [1, 8, 32]);
    }

    #[test]
    fn bad_levels_are_named() {
        let refused = |text: &str| text.parse::<Levels>().unwrap_err().to_string();
        insta::assert_snapshot!(refused("1,0"), @"parallelism 0 is out of range: use 1 to 1024");
        insta::assert_snapshot!(refused("1,x8"), @"`x8` is not a level: use numbers such as 1,8,32");
        insta::assert_snapshot!(refused(""), @"`` is not a level: use numbers such as 1,8,32");
        assert_eq!(Levels::new([]), Err(LevelsError::None));
    }
}

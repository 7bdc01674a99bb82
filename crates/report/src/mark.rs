//! What a level stands out for.
//!
//! Owns: one glyph and one word for each, used alike by the table and the curve.

use harmonic_types::Verdict;

/// A level's place in the verdict; the first that fits, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// What a plan should use.
    SweetSpot,
    /// The highest aggregate, where the sweet spot is another.
    Peak,
    /// Where it drops.
    Cliff,
    /// Nothing.
    Level,
}

impl Mark {
    /// The mark of the level `parallel`.
    pub(crate) fn of(parallel: u32, verdict: &Verdict) -> Self {
        if verdict.sweet_spot.as_ref().is_some_and(|spot| spot.parallel == parallel) {
            Self::SweetSpot
        } else if verdict.peak.is_some_and(|peak| peak.parallel == parallel) {
            Self::Peak
        } else if verdict.cliff.is_some_and(|cliff| cliff.parallel == parallel) {
            Self::Cliff
        } else {
            Self::Level
        }
    }

    /// On the curve and before the word.
    pub(crate) const fn glyph(self) -> char {
        match self {
            Self::SweetSpot => '◆',
            Self::Peak => '▲',
            Self::Cliff => '▼',
            Self::Level => '●',
        }
    }

    /// In the table and the legend.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::SweetSpot => "sweet spot",
            Self::Peak => "peak",
            Self::Cliff => "cliff",
            Self::Level => "level",
        }
    }
}

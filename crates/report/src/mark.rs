//! Marks of levels by the verdict.
//!
//! Owns: one glyph and one word per mark, used by tables and curves.

use harmonic_types::Verdict;

/// Role of a level in the verdict; the first match in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The level to plan with.
    SweetSpot,
    /// The highest aggregate, if the sweet spot is another level.
    Peak,
    /// The level at which throughput drops.
    Cliff,
    /// Any other level.
    Level,
}

impl Mark {
    /// Mark of the level `parallel`.
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

    /// Glyph on the curve and before the word.
    pub(crate) const fn glyph(self) -> char {
        match self {
            Self::SweetSpot => '◆',
            Self::Peak => '▲',
            Self::Cliff => '▼',
            Self::Level => '●',
        }
    }

    /// Word in the table and the legend.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::SweetSpot => "sweet spot",
            Self::Peak => "peak",
            Self::Cliff => "cliff",
            Self::Level => "level",
        }
    }
}

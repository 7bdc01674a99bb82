//! The sides of a comparison.

use std::fmt;

use harmonic_types::did_you_mean;
use serde::Serialize;

/// A side: how an item is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// One agent alone; with a budget for several answers the most frequent one counts.
    Solo,
    /// The recipe `vote`: several answers of one agent at the same time.
    Vote,
    /// A recipe of the team.
    Team,
}

/// A name that is no arm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid arm `{name}`{meant}: expected solo, vote or team")]
pub struct ArmError {
    name: String,
    meant: String,
}

impl Arm {
    /// All.
    pub const ALL: [Self; 3] = [Self::Solo, Self::Vote, Self::Team];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Solo => "solo",
            Self::Vote => "vote",
            Self::Team => "team",
        }
    }

    /// The arm of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self, ArmError> {
        let known = Self::ALL.into_iter().find(|arm| arm.name() == name);
        known.ok_or_else(|| ArmError {
            name: name.chars().take(60).collect::<String>().escape_debug().to_string(),
            meant: did_you_mean(name, Self::ALL.map(Self::name)),
        })
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

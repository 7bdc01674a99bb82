//! What `harmonic eval` has found of a recipe: whether the team beats one agent, at equal tokens and
//! at equal seconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bench::Interval;
use crate::provenance::Provenance;
use crate::stack::AgentName;

/// Verdict on one recipe of one stack, on one suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalVerdict {
    /// [`EvalVerdict::SCHEMA`].
    pub schema: String,
    /// What it is valid for.
    pub key: EvalKey,
    /// Time of the measurement, in milliseconds since the Unix epoch.
    pub measured_ms: u64,
    /// Items that both sides answered.
    pub items: u32,
    /// At equal tokens.
    pub tokens: EqualVerdict,
    /// At equal seconds.
    pub seconds: EqualVerdict,
    /// Source of the figures.
    pub provenance: Provenance,
}

impl EvalVerdict {
    /// Schema of this version.
    pub const SCHEMA: &str = "harmonic.eval-verdict/1";

    /// The verdict at `equality`.
    pub fn at(&self, equality: Equality) -> &EqualVerdict {
        match equality {
            Equality::Tokens => &self.tokens,
            Equality::Seconds => &self.seconds,
        }
    }
}

/// What a verdict is valid for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EvalKey {
    /// Name of the stack.
    pub stack: String,
    /// Name of a built-in recipe.
    pub recipe: String,
    /// Name of the suite.
    pub suite: String,
    /// sha256 of each agent's model file.
    pub models: BTreeMap<AgentName, String>,
}

/// What both sides may spend on an item: what the team has spent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Equality {
    /// As many tokens, read and written.
    Tokens,
    /// As much wall time.
    Seconds,
}

impl Equality {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Tokens, Self::Seconds];

    /// Its unit as a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Seconds => "seconds",
        }
    }
}

/// Verdict at one equality.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EqualVerdict {
    /// The verdict.
    pub ruling: Ruling,
    /// Share of items that the team gets right minus that of one agent, with its interval.
    pub difference: Interval,
    /// Two-sided p-value of McNemar's exact test.
    pub p_value: f64,
}

/// Which side is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// The team is right more often.
    TeamBetter,
    /// One agent is right more often.
    SoloBetter,
    /// The items do not tell them apart.
    NoDifferenceShown,
}

impl Ruling {
    /// Its words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::TeamBetter => "team better",
            Self::SoloBetter => "solo better",
            Self::NoDifferenceShown => "no difference shown",
        }
    }
}

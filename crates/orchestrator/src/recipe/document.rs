//! The raw content of a recipe file: every value with its position. An unknown key is an error of
//! the TOML parser.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A recipe file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecipeDocument {
    /// [`super::Recipe::SCHEMA`].
    pub(super) schema: Spanned<String>,
    /// Name.
    pub(super) name: Spanned<String>,
    /// What it does, in one line.
    pub(super) description: Spanned<String>,
    /// Holes for numbers.
    #[serde(default)]
    pub(super) numbers: BTreeMap<String, Spanned<NumberDocument>>,
    /// Roles that agents of the run take.
    pub(super) roles: BTreeMap<String, Spanned<RoleDocument>>,
    /// Tasks; the last one's artifact is the answer.
    pub(super) tasks: Vec<Spanned<TaskDocument>>,
}

/// A hole for a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberDocument {
    /// What it is, for people.
    pub(super) description: Option<String>,
    /// Value where none is given: a number, or `places` for what the team can have in flight.
    /// Without, the field that has the hole is left out.
    pub(super) default: Option<Spanned<DefaultDocument>>,
    /// Least value.
    pub(super) min: u32,
    /// Largest value.
    pub(super) max: u32,
}

/// Default of a number.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "invalid default: expected a number from `min` to `max`, or \"places\""
)]
pub(super) enum DefaultDocument {
    /// A number.
    Fixed(u32),
    /// `places`.
    Named(String),
}

/// A role: the agents that can take it, best first. An agent that the run lacks is passed over; where
/// none is left, the run's first agents by tier take it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleDocument {
    /// Agents by name.
    #[serde(default)]
    pub(super) agents: Vec<String>,
    /// Then all agents of these tiers.
    #[serde(default)]
    pub(super) tiers: Vec<Spanned<u8>>,
    /// Role whose first agent takes this one only where there is no other.
    #[serde(rename = "not")]
    pub(super) other_than: Option<Spanned<String>>,
}

/// A task, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskDocument {
    /// Name within the recipe.
    pub(super) id: Spanned<String>,
    /// `ask`, `vote`, `check` or `tool`.
    pub(super) kind: Spanned<String>,
    /// `parts`, for one task for each part of the goal, or the name of a number, for that many.
    pub(super) each: Option<Spanned<String>>,
    /// The number that counts where `each` is `parts` and the goal has none.
    pub(super) or_each: Option<Spanned<String>>,
    /// Title, with holes.
    pub(super) title: Spanned<String>,
    /// Role; several tasks take its agents in turns.
    pub(super) agent: Option<Spanned<String>>,
    /// Instruction, with holes.
    pub(super) instruction: Option<Spanned<String>>,
    /// Earlier tasks whose artifacts are read; of several, all.
    #[serde(default)]
    pub(super) after: Vec<Spanned<String>>,
    /// Answers of a vote.
    pub(super) samples: Option<Spanned<AmountDocument>>,
    /// Role of the judge of a vote.
    pub(super) judge: Option<Spanned<String>>,
    /// The task that is checked.
    pub(super) of: Option<Spanned<String>>,
    /// Times that it is sent back.
    pub(super) rounds: Option<Spanned<AmountDocument>>,
    /// Maximum tokens of the answer.
    pub(super) max_tokens: Option<Spanned<AmountDocument>>,
    /// The tool.
    pub(super) tool: Option<Spanned<String>>,
    /// Its arguments; texts in them have holes.
    pub(super) arguments: Option<Spanned<serde_json::Map<String, serde_json::Value>>>,
}

/// A number, or the name of a hole for one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum AmountDocument {
    /// A number.
    Fixed(u32),
    /// A hole.
    Hole(String),
}

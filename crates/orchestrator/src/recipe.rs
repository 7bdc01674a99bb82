//! Recipes: task graphs with holes, in TOML (schema `harmonic.recipe/1`).
//!
//! Owns: the form of a recipe, the built-in ones, the filling of holes. Does not read files.

mod builtin;
mod document;
mod fill;
mod parse;
mod parts;
mod template;

use std::collections::BTreeMap;

use harmonic_types::{TaskGraph, ToolSpec};

use crate::agent::AgentProfile;
use crate::graph::GraphErrors;

pub use parts::goal_parts;

/// A recipe, read and checked.
#[derive(Clone, Debug)]
pub struct Recipe {
    name: String,
    description: String,
    document: document::RecipeDocument,
}

/// What fills the holes of a recipe.
#[derive(Clone, Debug)]
pub struct RecipeValues<'a> {
    /// The goal.
    pub goal: &'a str,
    /// Parts of the goal; empty are those that [`goal_parts`] finds in it.
    pub parts: &'a [String],
    /// Agents of the run.
    pub agents: &'a [AgentProfile],
    /// Tools of the run.
    pub tools: &'a [ToolSpec],
    /// Requests that the team can have in flight: the default of widths and samples.
    pub places: u32,
    /// Numbers by the names of their holes (`width`, `samples`, `max_tokens`).
    pub numbers: BTreeMap<String, u32>,
}

/// Error of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// A name that is no built-in recipe.
    #[error(
        "unknown recipe `{name}`{meant}: expected one of {known}, or the path of a recipe file"
    )]
    Unknown {
        /// The name.
        name: String,
        /// Suggestion, or empty.
        meant: String,
        /// The built-in ones, comma-separated.
        known: String,
    },
    /// A fault in the file.
    #[error("{origin}:{line}: {reason}")]
    At {
        /// The file.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong, and what is expected.
        reason: String,
    },
    /// A number that is not a hole of the recipe, or out of its range.
    #[error("invalid {name} `{value}` for the recipe `{recipe}`: expected {expected}")]
    Number {
        /// Name of the recipe.
        recipe: String,
        /// Name of the hole.
        name: String,
        /// The value.
        value: u32,
        /// The valid names or values.
        expected: String,
    },
    /// No agent at all.
    #[error("the recipe `{recipe}` needs an agent: start a stack with one that generates text")]
    NoAgent {
        /// Name of the recipe.
        recipe: String,
    },
    /// A graph that is not valid once its holes are filled.
    #[error("the recipe `{recipe}` gives no valid graph for this run: {errors}")]
    Graph {
        /// Name of the recipe.
        recipe: String,
        /// Its faults.
        errors: GraphErrors,
    },
}

impl Recipe {
    /// Schema of this version.
    pub const SCHEMA: &str = "harmonic.recipe/1";

    /// The recipe in `text`; `origin` is its file in errors.
    ///
    /// # Errors
    /// The text is no recipe.
    pub fn parse(origin: &str, text: &str) -> Result<Self, RecipeError> {
        parse::recipe(origin, text)
    }

    /// Built-in recipes: `split`, `vote`, `write-check`, `research`, `code`.
    pub fn builtin() -> &'static [Self] {
        builtin::recipes()
    }

    /// The built-in recipe of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<&'static Self, RecipeError> {
        let known = || Self::builtin().iter().map(Self::name);
        Self::builtin().iter().find(|recipe| recipe.name == name).ok_or_else(|| {
            RecipeError::Unknown {
                name: name.chars().take(60).collect(),
                meant: harmonic_types::did_you_mean(name, known()),
                known: known().collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does, in one line.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The graph for `values`, valid for the agents and tools in them.
    ///
    /// # Errors
    /// A value is out of range or unknown, there is no agent, or the graph is not valid.
    pub fn fill(&self, values: &RecipeValues<'_>) -> Result<TaskGraph, RecipeError> {
        fill::graph(self, values)
    }
}

#[cfg(test)]
mod tests;

//! Recipes: task graphs with holes, in TOML.

use std::collections::BTreeMap;

use harmonic_types::TaskGraph;

use crate::agent::AgentProfile;

/// A recipe, read and checked.
#[derive(Clone, Debug)]
pub struct Recipe {
    name: String,
    description: String,
}

/// What fills the holes of a recipe.
#[derive(Clone, Debug)]
pub struct RecipeValues<'a> {
    /// Parts of the goal; empty are those that [`goal_parts`] finds in `goal`.
    pub parts: &'a [String],
    /// The goal.
    pub goal: &'a str,
    /// Agents of the run.
    pub agents: &'a [AgentProfile],
    /// Requests that the team can have in flight: the default of widths and samples.
    pub places: u32,
    /// Numbers by the names of their holes (`width`, `samples`, `max_tokens`).
    pub numbers: BTreeMap<String, u32>,
}

/// Error of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// A name that is no built-in recipe.
    #[error("unknown recipe `{name}`{meant}: expected one of {known}, or the path of a recipe file")]
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
    /// A value or an agent that the recipe needs.
    #[error("the recipe `{recipe}` cannot be filled: {reason}")]
    Fill {
        /// Name of the recipe.
        recipe: String,
        /// What is wrong, and what is expected.
        reason: String,
    },
}

impl Recipe {
    /// The recipe in `text`; `origin` is its file in errors.
    ///
    /// # Errors
    /// The text is no recipe.
    pub fn parse(origin: &str, text: &str) -> Result<Self, RecipeError> {
        let _ = text;
        Err(RecipeError::At { origin: origin.to_owned(), line: 1, reason: String::new() })
    }

    /// Built-in recipes: `split`, `vote`, `write-check`, `research`, `code`.
    pub fn builtin() -> &'static [Self] {
        &[]
    }

    /// The built-in recipe of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<&'static Self, RecipeError> {
        Err(RecipeError::Unknown { name: name.to_owned(), meant: String::new(), known: String::new() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does, in one line.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The graph for `values`, valid for the agents in them.
    ///
    /// # Errors
    /// A value is out of range or unknown, or no agent can take a role.
    pub fn fill(&self, values: &RecipeValues<'_>) -> Result<TaskGraph, RecipeError> {
        let _ = values;
        Ok(TaskGraph::new(Vec::new()))
    }
}

/// Parts that a goal lists by itself: items of a list, or several questions. Empty where it is one.
pub fn goal_parts(goal: &str) -> Vec<String> {
    let _ = goal;
    Vec::new()
}

//! A warning with its remedy.

use serde::{Deserialize, Serialize};

/// A warning with its remedy; the element of every `warnings[]` in JSON documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable identifier in kebab-case, for scripts.
    pub code: String,
    /// Observation, with the figure.
    pub message: String,
    /// Remedy: a command if there is one.
    pub hint: String,
}

impl Finding {
    /// A finding from code, message and hint.
    pub fn new(
        code: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { code: code.into(), message: message.into(), hint: hint.into() }
    }
}

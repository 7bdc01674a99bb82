//! What a tool noticed and what to do about it.

use serde::{Deserialize, Serialize};

/// One warning with its remedy; the shape of every `warnings[]` in the contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable, kebab-case; scripts match on it.
    pub code: String,
    /// What was seen, with the figure.
    pub message: String,
    /// What mends it: a command where there is one.
    pub hint: String,
}

impl Finding {
    /// A finding from its three parts.
    pub fn new(
        code: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { code: code.into(), message: message.into(), hint: hint.into() }
    }
}

//! Verdicts of checks, and choices of judges: small JSON documents under a schema.

use serde::Deserialize;
use serde_json::json;

/// Characters of the reasons of a verdict.
const REASONS: usize = 800;

/// Verdict of a check. The reasons come first, so that they are not an excuse for the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdict {
    /// What is wrong, or why nothing is.
    pub(crate) reasons: String,
    /// Whether the artifact is accepted.
    pub(crate) accept: bool,
}

impl Verdict {
    /// JSON Schema of a verdict, as JSON text.
    pub(crate) fn schema() -> String {
        json!({
            "type": "object",
            "properties": {
                "reasons": {"type": "string", "maxLength": REASONS},
                "accept": {"type": "boolean"}
            },
            "required": ["reasons", "accept"],
            "additionalProperties": false
        })
        .to_string()
    }

    /// The verdict in `text`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// Choice of a judge among answers that are numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    /// Number of the answer.
    pub(crate) choice: usize,
}

impl Choice {
    /// JSON Schema of a choice among `answers`, as JSON text.
    pub(crate) fn schema(answers: usize) -> String {
        let numbers: Vec<usize> = (1..=answers).collect();
        json!({
            "type": "object",
            "properties": {"choice": {"enum": numbers}},
            "required": ["choice"],
            "additionalProperties": false
        })
        .to_string()
    }

    /// Position of the chosen one of `answers`, from 0.
    pub(crate) fn parse(text: &str, answers: usize) -> Option<usize> {
        let choice: Self = serde_json::from_str(text).ok()?;
        choice.choice.checked_sub(1).filter(|position| *position < answers)
    }
}

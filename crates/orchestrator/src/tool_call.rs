//! Calls of tools, and what comes of them.

use harmonic_types::{TaskSpan, ToolEffects, ToolOutput, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{CallId, TaskId};

/// A call of a tool. Before the driver makes it, it writes [`crate::Input::ToolIntended`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCallSpec {
    /// Identifier.
    pub call: CallId,
    /// The task that it belongs to.
    pub task: TaskId,
    /// Title of that task.
    pub title: String,
    /// Name of the tool, one of the run's.
    pub tool: String,
    /// Arguments as JSON text; not checked against the tool's schema.
    pub arguments: String,
    /// What it may do.
    pub effects: ToolEffects,
    /// Bytes of the result, at most.
    pub max_bytes: u64,
    /// Time, at most, in milliseconds.
    pub max_ms: u64,
}

/// Result of a tool's call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCallResult {
    /// What it says.
    pub output: ToolOutput,
    /// Tokens of its text, where the driver counted them.
    pub tokens: Option<u32>,
    /// Its times.
    #[serde(default)]
    pub spans: Vec<TaskSpan>,
}

/// Failure of a tool's call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "failure", rename_all = "snake_case")]
pub enum ToolFailure {
    /// It was not called: unknown tool, arguments against its schema, refused by a limit. The model
    /// reads the message.
    Refused {
        /// Cause.
        message: String,
    },
    /// Nobody knows what it did: it timed out, its server died, or it was cancelled while it ran.
    Unknown {
        /// Cause.
        message: String,
    },
    /// [`crate::Action::Cancel`] was obeyed before the call was made.
    Cancelled,
}

/// Name of the tool that reads an artifact in full, which the run answers by itself.
pub(crate) const ARTIFACT_READ: &str = "artifact.read";

/// The tool that reads an artifact in full. The run answers it by itself: no call of it reaches the
/// driver.
pub fn artifact_read() -> ToolSpec {
    ToolSpec {
        name: ARTIFACT_READ.to_owned(),
        description: "Reads an artifact of this run in full, in parts.".to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": {
                "artifact": {"type": "string", "description": "Number of the artifact."},
                "offset": {"type": "integer", "minimum": 0, "description": "First character, from 0."},
                "length": {"type": "integer", "minimum": 1, "description": "Characters to read."}
            },
            "required": ["artifact"],
            "additionalProperties": false
        }),
        effects: ToolEffects::ReadOnly,
    }
}

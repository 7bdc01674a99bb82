//! What a run knows of a tool, wherever it comes from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Description of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Name, unique within a run: `SERVER.TOOL` for tools of an MCP server, `workspace.read` and the
    /// like for those built in. Characters as in names of functions of the OpenAI API, and dots.
    pub name: String,
    /// Purpose, for the model.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: Value,
    /// What a call may do.
    pub effects: ToolEffects,
}

/// What a call of a tool may do, by the tool's own statement; what is not stated is assumed to be
/// the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolEffects {
    /// It changes nothing (MCP's `readOnlyHint`): needs no approval, may be repeated.
    ReadOnly,
    /// It changes something, and calling it twice is calling it once (`idempotentHint`).
    Idempotent,
    /// It changes something.
    Writing,
    /// It runs a command.
    Running,
}

/// Result of a tool's call, as a model reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolOutput {
    /// Text, within the bound of the call.
    pub text: String,
    /// Whether the tool states that it failed.
    pub is_error: bool,
    /// Bytes that the bound cut off; 0 where it is whole.
    pub bytes_cut: u64,
}

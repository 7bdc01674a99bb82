//! The answer as one document, and the counts that it shares with a stream.

use harmonic_types::Usage;
use serde::{Deserialize, Serialize};

use super::blocks::Block;
use crate::answer::Finish;

/// A whole answer; as it begins, where a stream says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Unique; `msg_…`.
    pub id: String,
    /// `message`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `assistant`.
    pub role: String,
    /// The agent that answered.
    pub model: String,
    /// What it says.
    pub content: Vec<Block>,
    /// `end_turn`, `max_tokens` or `tool_use`; null while it goes on. A stop sequence is the end of
    /// a turn: the engine does not tell them apart.
    pub stop_reason: Option<String>,
    /// Null.
    pub stop_sequence: Option<String>,
    /// Token counts.
    pub usage: Counts,
}

/// Token counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Prompt tokens that were computed.
    pub input_tokens: u32,
    /// Zero: nothing that is kept is billed.
    pub cache_creation_input_tokens: u32,
    /// Prompt tokens that were restored instead of computed.
    pub cache_read_input_tokens: u32,
    /// Tokens generated.
    pub output_tokens: u32,
}

impl From<Usage> for Counts {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.prompt_tokens.saturating_sub(usage.cached_tokens),
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: usage.cached_tokens,
            output_tokens: usage.completion_tokens,
        }
    }
}

/// The dialect's word for an end.
pub(super) fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::StopString { .. } => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
    }
}

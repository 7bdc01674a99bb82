//! Response document, and the token counts that it shares with a stream.

use harmonic_types::Usage;
use serde::{Deserialize, Serialize};

use super::blocks::Block;
use crate::response_encoder::Finish;

/// Message: complete, or as started in a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Unique; `msg_…`.
    pub id: String,
    /// `message`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `assistant`.
    pub role: String,
    /// Agent name.
    pub model: String,
    /// Content blocks.
    pub content: Vec<Block>,
    /// `end_turn`, `stop_sequence`, `max_tokens` or `tool_use`; null until the end.
    pub stop_reason: Option<String>,
    /// Stop string that ended the answer; null if none did.
    pub stop_sequence: Option<String>,
    /// Token counts.
    pub usage: Counts,
}

/// Token counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Prompt tokens that were computed.
    pub input_tokens: u32,
    /// Always 0: caching is not billed.
    pub cache_creation_input_tokens: u32,
    /// Prompt tokens that were restored instead of computed.
    pub cache_read_input_tokens: u32,
    /// Generated tokens.
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

/// The dialect's stop reason for `finish`.
pub(super) fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::StopString { .. } => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
    }
}

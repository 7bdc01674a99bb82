//! Response document, also contained in the first and last events of a stream.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::item::{Item, Status};
use super::request::{ChoiceBody, ReasoningBody, TextConfig, ToolBody};
use crate::untagged::StringOrObject;

/// Response. Many fields repeat the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Unique id; `resp_…`.
    pub id: String,
    /// `response`.
    pub object: String,
    /// Start time, in seconds since 1970.
    pub created_at: u64,
    /// Status.
    pub status: Status,
    /// Error; null unless it failed.
    pub error: Option<ResponseError>,
    /// Reason for truncation; null unless truncated.
    pub incomplete_details: Option<Incomplete>,
    /// As in the request.
    pub instructions: Option<String>,
    /// As in the request.
    pub max_output_tokens: Option<u32>,
    /// Agent name.
    pub model: String,
    /// Output items.
    pub output: Vec<Item>,
    /// As in the request; true by default.
    pub parallel_tool_calls: bool,
    /// Always null: conversations are not stored.
    pub previous_response_id: Option<String>,
    /// As in the request.
    pub reasoning: ReasoningBody,
    /// Whether it is kept: only one in the background is.
    pub store: bool,
    /// Whether it goes on without the client.
    pub background: bool,
    /// As in the request; null means the agent's default.
    pub temperature: Option<f32>,
    /// As in the request.
    pub text: TextConfig,
    /// As in the request.
    pub tool_choice: StringOrObject<ChoiceBody>,
    /// As in the request, without omitted tools.
    pub tools: Vec<ToolBody>,
    /// As in the request.
    pub top_logprobs: Option<u32>,
    /// As in the request; null means the agent's default.
    pub top_p: Option<f32>,
    /// As in the request; `disabled` by default.
    pub truncation: String,
    /// Token counts; null until the end.
    pub usage: Option<ResponseUsage>,
    /// As in the request.
    pub metadata: Map<String, Value>,
}

/// Error of a failed response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseError {
    /// Code for programs.
    pub code: String,
    /// Message.
    pub message: String,
}

/// Reason for truncation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    /// `max_output_tokens`: the token limit or the context is exhausted.
    pub reason: String,
}

/// Token counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseUsage {
    /// Tokens of the rendered prompt.
    pub input_tokens: u32,
    /// Composition.
    pub input_tokens_details: InputDetails,
    /// Generated tokens, reasoning included.
    pub output_tokens: u32,
    /// Composition.
    pub output_tokens_details: OutputDetails,
    /// Sum of both.
    pub total_tokens: u32,
}

/// Composition of the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputDetails {
    /// Prompt tokens that were restored instead of computed.
    pub cached_tokens: u32,
}

/// Composition of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputDetails {
    /// Reasoning tokens. Always a number, because clients refuse null.
    pub reasoning_tokens: u32,
}

impl ResponseUsage {
    /// Usage with `reasoning_tokens` of reasoning.
    pub(super) fn new(usage: harmonic_types::Usage, reasoning_tokens: u32) -> Self {
        Self {
            input_tokens: usage.prompt_tokens,
            input_tokens_details: InputDetails { cached_tokens: usage.cached_tokens },
            output_tokens: usage.completion_tokens,
            output_tokens_details: OutputDetails { reasoning_tokens },
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
        }
    }
}

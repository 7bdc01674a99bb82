//! A response as one document, which a stream too begins and ends with.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::item::{Item, Status};
use super::request::{ChoiceBody, ReasoningBody, TextConfig, ToolBody};
use crate::said::StringOrObject;

/// A response. Much of it tells back what was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Unique; `resp_…`.
    pub id: String,
    /// `response`.
    pub object: String,
    /// Seconds since 1970 at which it began.
    pub created_at: u64,
    /// How far it is.
    pub status: Status,
    /// Why it failed.
    pub error: Option<ResponseError>,
    /// Why it is not whole.
    pub incomplete_details: Option<Incomplete>,
    /// As asked.
    pub instructions: Option<String>,
    /// As asked.
    pub max_output_tokens: Option<u32>,
    /// The agent.
    pub model: String,
    /// What it is made of.
    pub output: Vec<Item>,
    /// As asked; true where nothing was.
    pub parallel_tool_calls: bool,
    /// Null: responses are not kept.
    pub previous_response_id: Option<String>,
    /// As asked.
    pub reasoning: ReasoningBody,
    /// False: responses are not kept.
    pub store: bool,
    /// As asked; null is the agent's.
    pub temperature: Option<f32>,
    /// As asked.
    pub text: TextConfig,
    /// As asked.
    pub tool_choice: StringOrObject<ChoiceBody>,
    /// As asked, without those that are left out.
    pub tools: Vec<ToolBody>,
    /// As asked.
    pub top_logprobs: Option<u32>,
    /// As asked; null is the agent's.
    pub top_p: Option<f32>,
    /// As asked; `disabled` where nothing was.
    pub truncation: String,
    /// Token counts; null until it ends.
    pub usage: Option<ResponseUsage>,
    /// As given.
    pub metadata: Map<String, Value>,
}

/// Why a response failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseError {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Why a response is not whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    /// `max_output_tokens`: the limit, or the context, is exhausted.
    pub reason: String,
}

/// Token counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseUsage {
    /// Tokens of the rendered prompt.
    pub input_tokens: u32,
    /// What they consisted of.
    pub input_tokens_details: InputDetails,
    /// Tokens generated, reasoning included.
    pub output_tokens: u32,
    /// What they consisted of.
    pub output_tokens_details: OutputDetails,
    /// Their sum.
    pub total_tokens: u32,
}

/// What the prompt consisted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputDetails {
    /// Prompt tokens that were restored instead of computed.
    pub cached_tokens: u32,
}

/// What the answer consisted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputDetails {
    /// Tokens that were told as reasoning. A number always: clients refuse null.
    pub reasoning_tokens: u32,
}

impl ResponseUsage {
    /// `usage`, of which `reasoning_tokens` are reasoning.
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

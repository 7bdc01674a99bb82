//! Items of a response.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::openai::TokenEntry;

/// Status of an item or a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Of a response in the background: it has not begun.
    Queued,
    /// In progress.
    InProgress,
    /// Complete.
    Completed,
    /// Truncated by the token limit.
    Incomplete,
    /// Failure of the engine.
    Failed,
    /// Of a response in the background: it was cancelled.
    Cancelled,
}

/// Item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Item {
    /// Reasoning.
    Reasoning {
        /// Unique id; `rs_…`.
        id: String,
        /// Empty; the reasoning is in `content`.
        summary: Vec<Value>,
        /// One part.
        content: Vec<ItemPart>,
        /// Status.
        status: Status,
    },
    /// Answer text.
    Message {
        /// Unique id; `msg_…`.
        id: String,
        /// Status.
        status: Status,
        /// `assistant`.
        role: String,
        /// One part.
        content: Vec<ItemPart>,
    },
    /// Tool call.
    FunctionCall {
        /// Unique id; `fc_…`.
        id: String,
        /// Id of the call, referenced by its output item.
        call_id: String,
        /// Name of the tool.
        name: String,
        /// Arguments as JSON text.
        arguments: String,
        /// Status.
        status: Status,
    },
}

/// Part of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ItemPart {
    /// Answer text.
    OutputText {
        /// The text.
        text: String,
        /// Always empty.
        annotations: Vec<Value>,
        /// One entry per token, if requested.
        logprobs: Vec<TokenEntry>,
    },
    /// Reasoning.
    ReasoningText {
        /// The text.
        text: String,
    },
}

//! Items: what a response is made of.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::openai::TokenEntry;

/// How far an item or a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It goes on.
    InProgress,
    /// It is whole.
    Completed,
    /// The limit of tokens cut it off.
    Incomplete,
    /// The engine failed.
    Failed,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Item {
    /// What was thought.
    Reasoning {
        /// Unique; `rs_…`.
        id: String,
        /// Empty: the reasoning itself is in `content`.
        summary: Vec<Value>,
        /// One part.
        content: Vec<ItemPart>,
        /// How far it is.
        status: Status,
    },
    /// What is said.
    Message {
        /// Unique; `msg_…`.
        id: String,
        /// How far it is.
        status: Status,
        /// `assistant`.
        role: String,
        /// One part.
        content: Vec<ItemPart>,
    },
    /// A call of a tool.
    FunctionCall {
        /// Unique; `fc_…`.
        id: String,
        /// Names the call for the item that brings its output.
        call_id: String,
        /// The tool.
        name: String,
        /// JSON text.
        arguments: String,
        /// How far it is.
        status: Status,
    },
}

/// A part of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ItemPart {
    /// What is said.
    OutputText {
        /// The text.
        text: String,
        /// Empty.
        annotations: Vec<Value>,
        /// One entry per token when asked for.
        logprobs: Vec<TokenEntry>,
    },
    /// What was thought.
    ReasoningText {
        /// The text.
        text: String,
    },
}

//! Chunk of a streamed response.
//!
//! Text is borrowed where possible: the server writes a chunk directly from the engine's event into
//! the connection's buffer.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::response::{Logprobs, Usage};

/// Chunk of a response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatChunk<'a> {
    /// Id, equal in all chunks of a response.
    #[serde(default, borrow)]
    pub id: Cow<'a, str>,
    /// `chat.completion.chunk`.
    #[serde(default, borrow)]
    pub object: Cow<'a, str>,
    /// Start time, in seconds since 1970.
    #[serde(default)]
    pub created: u64,
    /// Agent name.
    #[serde(default, borrow)]
    pub model: Cow<'a, str>,
    /// One choice; none in the chunk with usage.
    #[serde(default, borrow)]
    pub choices: Vec<ChunkChoice<'a>>,
    /// Token counts, in the last chunk if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// Choice: a part of one answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChunkChoice<'a> {
    /// Index of the answer.
    pub index: u32,
    /// Newly generated content.
    #[serde(default, borrow)]
    pub delta: Delta<'a>,
    /// Log-probabilities of the new tokens, if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Logprobs>,
    /// `stop`, `length` or `tool_calls` in the answer's last chunk, else null.
    #[serde(default)]
    pub finish_reason: Option<Cow<'a, str>>,
}

/// Newly generated content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta<'a> {
    /// `assistant`, in the first chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Cow<'a, str>>,
    /// New text of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Cow<'a, str>>,
    /// New text of the reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<Cow<'a, str>>,
    /// The same under the name of vLLM and Ollama. Read, never written.
    #[serde(default, skip_serializing)]
    pub reasoning: Option<Cow<'a, str>>,
    /// New parts of tool calls.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<CallDelta<'a>>>,
}

/// Part of a tool call. The first part of each call has its id and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallDelta<'a> {
    /// Index of the call in the answer, from 0.
    #[serde(default)]
    pub index: u32,
    /// Id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    /// `function`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'a, str>>,
    /// Called function.
    #[serde(default, borrow)]
    pub function: CalledDelta<'a>,
}

/// Part of a called function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledDelta<'a> {
    /// Name of the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// New text of the arguments, a part of JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Cow<'a, str>>,
}

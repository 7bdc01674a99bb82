//! One event of a streamed answer.
//!
//! Text is borrowed where it can be: the server writes a chunk straight from the engine's event
//! into the connection's buffer.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::response::{Logprobs, Usage};

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatChunk<'a> {
    /// The same in all chunks of an answer.
    #[serde(default, borrow)]
    pub id: Cow<'a, str>,
    /// `chat.completion.chunk`.
    #[serde(default, borrow)]
    pub object: Cow<'a, str>,
    /// Seconds since 1970 at which the answer began.
    #[serde(default)]
    pub created: u64,
    /// The agent that answers.
    #[serde(default, borrow)]
    pub model: Cow<'a, str>,
    /// One choice; none in the chunk that carries usage.
    #[serde(default, borrow)]
    pub choices: Vec<ChunkChoice<'a>>,
    /// Token counts, in the last chunk when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// One choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChunkChoice<'a> {
    /// Which of the answers that were asked for.
    pub index: u32,
    /// What is new.
    #[serde(default, borrow)]
    pub delta: Delta<'a>,
    /// Log-probabilities of what is new, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Logprobs>,
    /// `stop`, `length` or `tool_calls` in the answer's last chunk, else null.
    #[serde(default)]
    pub finish_reason: Option<Cow<'a, str>>,
}

/// What is new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta<'a> {
    /// `assistant`, in the first chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Cow<'a, str>>,
    /// More of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Cow<'a, str>>,
    /// More of the reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<Cow<'a, str>>,
    /// The same by the name that vLLM and Ollama give it. Read, never written.
    #[serde(default, skip_serializing)]
    pub reasoning: Option<Cow<'a, str>>,
    /// More of the calls of tools.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<CallDelta<'a>>>,
}

/// More of a call. The first of each call has its id and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallDelta<'a> {
    /// Counts the answer's calls from 0.
    #[serde(default)]
    pub index: u32,
    /// Names the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    /// `function`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'a, str>>,
    /// What is called.
    #[serde(default, borrow)]
    pub function: CalledDelta<'a>,
}

/// More of what is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledDelta<'a> {
    /// The tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// More of its arguments, JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Cow<'a, str>>,
}

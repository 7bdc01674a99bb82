//! Response document, and the parts that it shares with chunks.

use harmonic_types::TokenBytes;
use serde::{Deserialize, Serialize};

use super::tools::CallBody;
use crate::object;

/// Chat response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatResponse {
    /// Unique id; `chatcmpl-…`.
    pub id: String,
    /// `chat.completion`.
    pub object: String,
    /// Start time, in seconds since 1970.
    pub created: u64,
    /// Agent name.
    pub model: String,
    /// Answers, in the requested number.
    pub choices: Vec<Choice>,
    /// Token counts.
    pub usage: Usage,
}

/// Choice: one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Index, from 0.
    pub index: u32,
    /// Message.
    pub message: ResponseMessage,
    /// Log-probabilities, if requested.
    pub logprobs: Option<Logprobs>,
    /// `stop`, `length` or `tool_calls`.
    pub finish_reason: Option<String>,
}

/// The assistant's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseMessage {
    /// `assistant`.
    pub role: String,
    /// Text; null if the answer consists of tool calls.
    pub content: Option<String>,
    /// Reasoning, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Tool calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<CallBody>>,
}

/// Log-probabilities of the answer's tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Logprobs {
    /// One entry per token.
    #[serde(default, deserialize_with = "object::list_or_null")]
    pub content: Vec<TokenEntry>,
}

/// Token and its alternatives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenEntry {
    /// Text.
    pub token: String,
    /// ln p.
    pub logprob: f32,
    /// UTF-8 bytes, which `token` cannot represent for a partial character. Other servers may omit
    /// them.
    #[serde(default)]
    pub bytes: Option<Vec<u8>>,
    /// Most likely tokens at this position, best first. Other servers may omit them.
    #[serde(default, deserialize_with = "object::list_or_null")]
    pub top_logprobs: Vec<TopToken>,
}

/// Alternative token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopToken {
    /// Text.
    pub token: String,
    /// ln p.
    pub logprob: f32,
    /// UTF-8 bytes, which `token` cannot represent for a partial character. Other servers may omit
    /// them.
    #[serde(default)]
    pub bytes: Option<Vec<u8>>,
}

impl From<TokenEntry> for harmonic_types::TokenLogprob {
    fn from(entry: TokenEntry) -> Self {
        let bytes = |token: String, bytes: Option<Vec<u8>>| {
            TokenBytes(bytes.unwrap_or_else(|| token.into_bytes()))
        };
        let TokenEntry { token, logprob, bytes: of_token, top_logprobs } = entry;
        let top = top_logprobs.into_iter();
        Self {
            token: bytes(token, of_token),
            logprob,
            top: top.map(|top| (bytes(top.token, top.bytes), top.logprob)).collect(),
        }
    }
}

/// Token counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the rendered prompt.
    pub prompt_tokens: u32,
    /// Generated tokens.
    pub completion_tokens: u32,
    /// Sum of both.
    pub total_tokens: u32,
    /// Composition of the prompt; not every server reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens_details: Option<PromptTokensDetails>,
}

/// Composition of the prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptTokensDetails {
    /// Prompt tokens taken from a cache; not every server reports them.
    #[serde(default)]
    pub cached_tokens: Option<u32>,
}

impl From<harmonic_types::Usage> for Usage {
    fn from(usage: harmonic_types::Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
            prompt_tokens_details: Some(PromptTokensDetails {
                cached_tokens: Some(usage.cached_tokens),
            }),
        }
    }
}

/// Substitute for ln 0, as in OpenAI's API: JSON has no infinity.
const IMPOSSIBLE: f32 = -9999.0;

/// `logprob` as a finite number, for JSON.
pub(crate) fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { IMPOSSIBLE }
}

impl From<&harmonic_types::TokenLogprob> for TokenEntry {
    fn from(token: &harmonic_types::TokenLogprob) -> Self {
        Self {
            token: token.token.text().into_owned(),
            logprob: finite(token.logprob),
            bytes: Some(token.token.0.clone()),
            top_logprobs: token
                .top
                .iter()
                .map(|(token, logprob)| TopToken {
                    token: token.text().into_owned(),
                    logprob: finite(*logprob),
                    bytes: Some(token.0.clone()),
                })
                .collect(),
        }
    }
}

//! The answer as one document, and the parts that it shares with chunks.

use serde::{Deserialize, Serialize};

use super::tools::CallBody;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatResponse {
    /// Unique; `chatcmpl-…`.
    pub id: String,
    /// `chat.completion`.
    pub object: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The agent that answered.
    pub model: String,
    /// The answers, as many as were asked for.
    pub choices: Vec<Choice>,
    /// Token counts.
    pub usage: Usage,
}

/// One choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Counts from 0.
    pub index: u32,
    /// The answer.
    pub message: ResponseMessage,
    /// Log-probabilities, when asked for.
    pub logprobs: Option<Logprobs>,
    /// `stop`, `length` or `tool_calls`.
    pub finish_reason: Option<String>,
}

/// The assistant's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseMessage {
    /// `assistant`.
    pub role: String,
    /// The answer; null where it only calls tools.
    pub content: Option<String>,
    /// The reasoning, when there was any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Tools that it calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<CallBody>>,
}

/// Log-probabilities of the answer's tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Logprobs {
    /// One entry per token.
    pub content: Vec<TokenEntry>,
}

/// A token and its rivals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenEntry {
    /// Its text.
    pub token: String,
    /// ln p.
    pub logprob: f32,
    /// Its UTF-8, which `token` cannot show where it is a part of a character. Other servers may
    /// leave it out.
    pub bytes: Option<Vec<u8>>,
    /// The most likely tokens here, best first.
    pub top_logprobs: Vec<TopToken>,
}

/// A rival.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopToken {
    /// Its text.
    pub token: String,
    /// ln p.
    pub logprob: f32,
    /// Its UTF-8, which `token` cannot show where it is a part of a character. Other servers may
    /// leave it out.
    pub bytes: Option<Vec<u8>>,
}

/// Token counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the rendered prompt.
    pub prompt_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
    /// Their sum.
    pub total_tokens: u32,
    /// What the prompt consisted of; not every server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens_details: Option<PromptTokensDetails>,
}

/// What the prompt consisted of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptTokensDetails {
    /// Prompt tokens that were not computed again; not every server says.
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

/// What stands for a probability of zero, as in OpenAI's API: JSON has no infinity.
const IMPOSSIBLE: f32 = -9999.0;

/// `logprob` as a number that JSON has.
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

//! `POST /v1/messages/count_tokens`: how long a prompt is.

use harmonic_types::{AgentName, Prompt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blocks::TextBody;
use super::decode;
use super::request::{MessageBody, ToolBody};
use crate::checks;
use crate::invalid::Invalid;
use crate::object;
use crate::said::Said;

/// The body: what of a request makes its prompt. What else a request has is ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicCount", extend("required" = ["model", "messages"]))]
pub struct CountBody {
    /// The agent's name; empty when the body has none.
    #[serde(default)]
    pub model: String,
    /// The conversation, oldest first; empty when the body has none.
    #[serde(default, deserialize_with = "object::list")]
    #[schemars(length(min = 1))]
    pub messages: Vec<MessageBody>,
    /// Instructions, after the agent's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Said<TextBody>>,
    /// Tools that the answer may call.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional_list"
    )]
    pub tools: Option<Vec<ToolBody>>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCount {
    /// Tokens of the prompt, the agent's system prompt included.
    pub input_tokens: u32,
}

/// The agent, and the prompt whose tokens are to be counted.
///
/// # Errors
/// As [`super::decode()`].
pub fn decode_count(body: CountBody) -> Result<(AgentName, Prompt), Invalid> {
    let agent = checks::agent(body.model)?;
    let tools = decode::tools(body.tools)?;
    let messages = decode::messages(body.system, body.messages)?;
    Ok((agent, Prompt::Chat { messages, tools }))
}

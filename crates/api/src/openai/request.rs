//! The body of `POST /v1/chat/completions`.
//!
//! Invariants: every optional field is absent or null when it is not set, and absent when written;
//! fields that are not listed are ignored when read. Fields that are listed only to be refused
//! (`functions` …) are here because a client that sent them relies on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::content::Content;
use super::generation::generation;
use super::tools::{CallBody, ChoiceBody, ToolBody};
use crate::object;
use crate::said::StringOrObject;
use crate::schema;

/// Fields that are not read because no answer depends on them: notes, billing, caches, and what
/// SDKs write into the messages that they send back.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "*.cache_control",
    "metadata",
    "messages[].annotations",
    "messages[].audio",
    "messages[].function_call",
    "messages[].refusal",
    "messages[].tool_calls[].index",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream_options.include_obfuscation",
    "user",
];

generation! {
    /// A chat completion request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "OpenAiChatRequest", extend("required" = ["model", "messages"]))]
    pub struct ChatRequest with nucleus, candidates, penalties {
        /// The agent's name; empty when the body has none.
        #[serde(default)]
        pub model: String,
        /// The conversation, oldest first; empty when the body has none.
        #[serde(default, deserialize_with = "object::list")]
        #[schemars(length(min = 1))]
        pub messages: Vec<ChatMessage>,
        /// Most tokens to generate; the older name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub max_tokens: Option<u32>,
        /// Most tokens to generate; the newer name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub max_completion_tokens: Option<u32>,
        /// Whether log-probabilities are wanted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub logprobs: Option<bool>,
        /// Rivals per token, 0 to 20; only with `logprobs`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0, max = 20))]
        pub top_logprobs: Option<u32>,
        /// Arguments of the chat template.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub chat_template_kwargs: Option<TemplateArguments>,
        /// Tools that the answer may call.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional_list"
        )]
        pub tools: Option<Vec<ToolBody>>,
        /// `auto`, `none`, `required` or a tool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub tool_choice: Option<StringOrObject<ChoiceBody>>,
        /// Whether the answer may call several tools; absent is yes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub parallel_tool_calls: Option<bool>,
        /// Refused unless it is `["text"]`: only text is answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = [["text"], [], null]))]
        pub modalities: Option<Vec<String>>,
        /// Refused unless empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub audio: Option<Value>,
        /// Refused unless null.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = [null]))]
        pub web_search_options: Option<Value>,
        /// Refused unless empty: the older name of `tools`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub functions: Option<Value>,
        /// Refused unless empty: the older name of `tool_choice`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub function_call: Option<Value>,
        /// `none` and `minimal` are not to think, and any other word to think; absent is the agent's
        /// default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reasoning_effort: Option<String>,
    }
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiChatMessage", extend("required" = ["role"]))]
pub struct ChatMessage {
    /// `system`, `developer` (read as `system`), `user`, `assistant` or `tool`; empty when the body
    /// has none.
    #[serde(default)]
    #[schemars(extend("enum" = ["system", "developer", "user", "assistant", "tool"]))]
    pub role: String,
    /// What is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// What the assistant thought before it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Tools that the assistant called.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional_list"
    )]
    pub tool_calls: Option<Vec<CallBody>>,
    /// The call whose result this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl ChatMessage {
    /// A message of plain text.
    pub fn new(role: impl Into<String>, content: impl Into<Content>) -> Self {
        Self { role: role.into(), content: Some(content.into()), ..Self::default() }
    }
}

/// What a stream carries beside the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiStreamOptions")]
pub struct StreamOptions {
    /// Whether a chunk with token counts comes before the end; absent is no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_usage: Option<bool>,
}

/// Arguments of the chat template, as vLLM and llama-server name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiTemplateArguments")]
pub struct TemplateArguments {
    /// Whether to think; absent is the agent's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_thinking: Option<bool>,
}

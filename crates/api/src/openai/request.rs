//! Body of `POST /v1/chat/completions`.
//!
//! Invariants: unset optional fields are absent or null when read, absent when written; unlisted
//! fields are ignored when read. Fields that are always refused (`functions` …) are listed, because
//! a client that sends them relies on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::content::MessageContent;
use super::generation::generation;
use super::tools::{CallBody, ChoiceBody, ToolBody};
use crate::object;
use crate::schema;
use crate::untagged::StringOrObject;

/// Fields that are not read because no answer depends on them: metadata, billing, caching, and
/// fields that SDKs add to messages that they send back.
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
    "store",
    "stream_options.include_obfuscation",
    "user",
];

generation! {
    /// Chat completion request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "OpenAiChatRequest", extend("required" = ["model", "messages"]))]
    pub struct ChatRequest with nucleus, candidates, penalties {
        /// Agent name; empty if absent.
        #[serde(default)]
        pub model: String,
        /// Conversation, oldest message first; empty if absent.
        #[serde(default, deserialize_with = "object::list")]
        #[schemars(length(min = 1))]
        pub messages: Vec<ChatMessage>,
        /// Maximum number of tokens to generate; older name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub max_tokens: Option<u32>,
        /// Maximum number of tokens to generate; newer name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub max_completion_tokens: Option<u32>,
        /// Whether log-probabilities are returned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub logprobs: Option<bool>,
        /// Alternatives per token, 0 to 20; only with `logprobs`.
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
        /// Tools that the model may call.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional_list"
        )]
        pub tools: Option<Vec<ToolBody>>,
        /// `auto`, `none`, `required` or a tool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub tool_choice: Option<StringOrObject<ChoiceBody>>,
        /// Whether the model may call several tools; absent means yes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub parallel_tool_calls: Option<bool>,
        /// `flex` makes a background request, which gives way to all others; `auto`, `default`,
        /// `scale`, `priority` and absent do not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = ["auto", "default", "flex", "scale", "priority", null]))]
        pub service_tier: Option<String>,
        /// Refused unless `["text"]`: only text is generated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = [["text"], [], null]))]
        pub modalities: Option<Vec<String>>,
        /// Refused unless empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub audio: Option<Value>,
        /// Refused unless null.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = [null]))]
        pub web_search_options: Option<Value>,
        /// Refused unless empty: older name of `tools`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub functions: Option<Value>,
        /// Refused unless empty: older name of `tool_choice`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub function_call: Option<Value>,
        /// Reasoning effort: `none` and `minimal` disable thinking, any other value enables it;
        /// absent means the agent's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reasoning_effort: Option<String>,
    }
}

/// Message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiChatMessage", extend("required" = ["role"]))]
pub struct ChatMessage {
    /// `system`, `developer` (read as `system`), `user`, `assistant` or `tool`; empty if absent.
    #[serde(default)]
    #[schemars(extend("enum" = ["system", "developer", "user", "assistant", "tool"]))]
    pub role: String,
    /// Content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<MessageContent>,
    /// Reasoning before the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Tool calls of the assistant.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional_list"
    )]
    pub tool_calls: Option<Vec<CallBody>>,
    /// Id of the call that returned this result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl ChatMessage {
    /// Plain text message.
    pub fn new(role: impl Into<String>, content: impl Into<MessageContent>) -> Self {
        Self { role: role.into(), content: Some(content.into()), ..Self::default() }
    }
}

/// Options of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiStreamOptions")]
pub struct StreamOptions {
    /// Whether a chunk with token counts precedes the end; absent means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_usage: Option<bool>,
}

/// Arguments of the chat template, named as in vLLM and llama-server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiTemplateArguments")]
pub struct TemplateArguments {
    /// Whether thinking is enabled; absent means the agent's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_thinking: Option<bool>,
}

//! Body of `POST /v1/messages`.
//!
//! Invariants: unset optional fields are absent or null when read, absent when written; unlisted
//! fields are ignored when read. Fields that are always refused are listed, because a client that
//! sends them relies on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blocks::{BlockBody, TextBody};
use crate::object;
use crate::sampling::body;
use crate::schema;
use crate::tools::NAME;
use crate::untagged::Content;

/// Fields that are not read because no answer depends on them: metadata, billing, caching, display
/// of thinking, and fields that clients add to blocks that they send back.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "*.cache_control",
    "*.citations",
    "inference_geo",
    "messages[].content[].caller",
    "metadata",
    "speed",
    "thinking.display",
    "tools[].allowed_callers",
    "tools[].eager_input_streaming",
];

body! {
    /// Messages request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "AnthropicMessages", extend("required" = ["model", "messages", "max_tokens"]))]
    pub struct MessagesBody with nucleus, candidates {
        /// Agent name; empty if absent.
        #[serde(default)]
        pub model: String,
        /// Conversation, oldest message first; empty if absent.
        #[serde(default, deserialize_with = "object::list")]
        #[schemars(length(min = 1))]
        pub messages: Vec<MessageBody>,
        /// Maximum number of tokens to generate; required by the dialect.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub max_tokens: Option<u32>,
        /// System prompt, appended to the agent's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub system: Option<Content<TextBody>>,
        /// Whether the response is streamed as server-sent events; absent means no.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub stream: Option<bool>,
        /// `auto` or `standard_only`: which capacity Anthropic serves from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = ["auto", "standard_only", null]))]
        pub service_tier: Option<String>,
        /// Stop strings, at most 16.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub stop_sequences: Option<Vec<String>>,
        /// Tools that the model may call.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional_list"
        )]
        pub tools: Option<Vec<ToolBody>>,
        /// Choice among the tools.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub tool_choice: Option<ChoiceBody>,
        /// Thinking mode.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub thinking: Option<ThinkingBody>,
        /// Required output format.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub output_config: Option<OutputConfig>,
        /// Older name of `output_config.format`.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub output_format: Option<FormatBody>,
        /// Refused unless empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub mcp_servers: Option<Value>,
        /// Refused unless empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub container: Option<Value>,
    }
}

/// Message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicMessage", extend("required" = ["role", "content"]))]
pub struct MessageBody {
    /// `user`, `assistant` or `system`; empty if absent.
    #[serde(default)]
    #[schemars(extend("enum" = ["user", "assistant", "system"]))]
    pub role: String,
    /// Content.
    #[serde(default = "no_blocks")]
    pub content: Content<BlockBody>,
}

fn no_blocks() -> Content<BlockBody> {
    Content::Parts(Vec::new())
}

/// Tool that the model may call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicTool", extend("required" = ["name"]))]
pub struct ToolBody {
    /// `custom` or absent; tools run by Anthropic are refused.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["custom", null]))]
    pub kind: Option<String>,
    /// Unique name; empty if absent.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Description for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of the arguments; absent means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub input_schema: Option<Value>,
    /// Whether the schema is enforced also for calls that the model makes by itself; absent means
    /// no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// `tool_choice`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicChoice")]
pub struct ChoiceBody {
    /// `auto`, `any`, `tool` or `none`.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["auto", "any", "tool", "none"]))]
    pub kind: String,
    /// Tool name, with `tool`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the answer ends after its first call; absent means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_parallel_tool_use: Option<bool>,
}

/// `thinking`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicThinking")]
pub struct ThinkingBody {
    /// `enabled`, `disabled` or `adaptive` (the agent's default).
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["enabled", "disabled", "adaptive"]))]
    pub kind: String,
    /// Written for servers that require it; not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u64>,
}

/// `output_config`. Its `effort` is not read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicOutputConfig")]
pub struct OutputConfig {
    /// Required output format.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub format: Option<FormatBody>,
}

/// Output format.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicFormat")]
pub struct FormatBody {
    /// `json_schema`.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["json_schema"]))]
    pub kind: String,
    /// JSON Schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub schema: Option<Value>,
}

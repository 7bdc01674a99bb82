//! The body of `POST /v1/messages`.
//!
//! Invariants: every optional field is absent or null when it is not set, and absent when written;
//! fields that are not listed are ignored when read. Fields that are listed only to be refused are
//! here because a client that sent them relies on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blocks::{BlockBody, TextBody};
use crate::object;
use crate::said::Said;
use crate::sampling::body;
use crate::schema;
use crate::tools::NAME;

/// Fields that are not read because no answer depends on them: notes, billing, caches, how thinking
/// is shown, and what clients write into the blocks that they send back.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "*.cache_control",
    "*.citations",
    "inference_geo",
    "messages[].content[].caller",
    "metadata",
    "service_tier",
    "speed",
    "thinking.display",
    "tools[].allowed_callers",
    "tools[].eager_input_streaming",
];

body! {
    /// A request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "AnthropicMessages", extend("required" = ["model", "messages", "max_tokens"]))]
    pub struct MessagesBody with nucleus, candidates {
        /// The agent's name; empty when the body has none.
        #[serde(default)]
        pub model: String,
        /// The conversation, oldest first; empty when the body has none.
        #[serde(default, deserialize_with = "object::list")]
        #[schemars(length(min = 1))]
        pub messages: Vec<MessageBody>,
        /// Most tokens to generate. The dialect demands it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub max_tokens: Option<u32>,
        /// Instructions, after the agent's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub system: Option<Said<TextBody>>,
        /// Whether the answer comes as server-sent events; absent is no.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub stream: Option<bool>,
        /// Strings that end the answer: at most 16.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub stop_sequences: Option<Vec<String>>,
        /// Tools that the answer may call.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional_list"
        )]
        pub tools: Option<Vec<ToolBody>>,
        /// Which of them it may or must call.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub tool_choice: Option<ChoiceBody>,
        /// Whether to think.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub thinking: Option<ThinkingBody>,
        /// The form that the answer must have.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub output_config: Option<OutputConfig>,
        /// The older place of `output_config.format`.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub output_format: Option<FormatBody>,
        /// Refused unless empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub mcp_servers: Option<Value>,
        /// Refused unless empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub container: Option<Value>,
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicMessage", extend("required" = ["role", "content"]))]
pub struct MessageBody {
    /// `user`, `assistant` or `system`, which counts as instructions; empty when the body has none.
    #[serde(default)]
    #[schemars(extend("enum" = ["user", "assistant", "system"]))]
    pub role: String,
    /// What is said.
    #[serde(default = "nothing")]
    pub content: Said<BlockBody>,
}

fn nothing() -> Said<BlockBody> {
    Said::Parts(Vec::new())
}

/// A tool that the answer may call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicTool", extend("required" = ["name"]))]
pub struct ToolBody {
    /// `custom` or absent; tools that Anthropic runs are refused.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["custom", null]))]
    pub kind: Option<String>,
    /// Unique among the tools; empty when the body has none.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// What it does, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of its arguments; absent is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub input_schema: Option<Value>,
    /// Whether its input follows the schema also where the model calls it by itself; absent is no.
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
    /// The tool, with `tool`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the answer ends with its first call; absent is no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_parallel_tool_use: Option<bool>,
}

/// `thinking`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicThinking")]
pub struct ThinkingBody {
    /// `enabled`, `disabled` or `adaptive`, which leaves it to the agent.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["enabled", "disabled", "adaptive"]))]
    pub kind: String,
    /// Written for servers that demand it; not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u64>,
}

/// `output_config`. Its `effort` is not listed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicOutputConfig")]
pub struct OutputConfig {
    /// The form that the answer must have.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub format: Option<FormatBody>,
}

/// A form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicFormat")]
pub struct FormatBody {
    /// `json_schema`.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["json_schema"]))]
    pub kind: String,
    /// The schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub schema: Option<Value>,
}

//! Body of `POST /v1/responses`.
//!
//! Invariants: as in the chat's body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::object;
use crate::openai::{FUNCTION, MessageContent, Part};
use crate::sampling::body;
use crate::schema;
use crate::tools::NAME;
use crate::untagged::{Content, StringOrObject};

/// Fields that are not read because no answer depends on them: metadata, billing, caching, limits
/// of tools run by OpenAI, and fields that clients add to items that they send back.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "client_metadata",
    "input[].content[].annotations",
    "input[].content[].logprobs",
    "input[].encrypted_content",
    "input[].id",
    "input[].status",
    "max_tool_calls",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning.generate_summary",
    "reasoning.summary",
    "safety_identifier",
    "stream_options",
    "user",
];

body! {
    /// Responses request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "ResponsesResponses", extend("required" = ["model", "input"]))]
    pub struct ResponsesBody with nucleus {
        /// Agent name; empty if absent.
        #[serde(default)]
        pub model: String,
        /// Input: a user text, or items, oldest first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub input: Option<Content<ItemBody>>,
        /// System prompt, appended to the agent's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub instructions: Option<String>,
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
        /// Required output format.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub text: Option<TextConfig>,
        /// Maximum number of tokens to generate, reasoning included.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub max_output_tokens: Option<u32>,
        /// Alternatives per token, 0 to 20.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0, max = 20))]
        pub top_logprobs: Option<u32>,
        /// Additional output: `message.output_text.logprobs` is supported, other values are
        /// ignored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub include: Option<Vec<String>>,
        /// Reasoning options.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub reasoning: Option<ReasoningBody>,
        /// Whether the response is streamed as server-sent events; absent means no.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub stream: Option<bool>,
        /// `flex` makes a background request, which gives way to all others; `auto`, `default`,
        /// `scale`, `priority` and absent do not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = ["auto", "default", "flex", "scale", "priority", null]))]
        pub service_tier: Option<String>,
        /// Metadata of the client, repeated in the response.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub metadata: Option<Map<String, Value>>,
        /// Refused unless empty: conversations are not stored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub previous_response_id: Option<Value>,
        /// Refused unless empty: conversations are not stored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub conversation: Option<Value>,
        /// Refused unless empty: prompts are not stored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub prompt: Option<Value>,
        /// Whether the response goes on without the client, to be read later; absent means no.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub background: Option<bool>,
        /// Must not be false with `background`; otherwise without effect, since only responses in
        /// the background are kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub store: Option<bool>,
        /// `disabled`, `auto` or absent. Prompts are never truncated; one that does not fit is
        /// refused with `auto` too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = ["disabled", "auto", null]))]
        pub truncation: Option<String>,
    }
}

/// Input item: the fields of all kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ResponsesItem")]
pub struct ItemBody {
    /// `message` or absent, `function_call`, `function_call_output` or `reasoning`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Of a message: `system`, `developer` (read as `system`), `user` or `assistant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["system", "developer", "user", "assistant", null]))]
    pub role: Option<String>,
    /// Of a message or reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<MessageContent>,
    /// Of reasoning: used if `content` is absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional_list"
    )]
    pub summary: Option<Vec<Part>>,
    /// Of a call and its output: id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Of a call: name of the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of a call: arguments as JSON text. An object or null is accepted too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub arguments: Option<Value>,
    /// Of a call's output: the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<MessageContent>,
}

/// Tool that the model may call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ResponsesTool", extend("required" = ["type"]))]
pub struct ToolBody {
    /// `function`. Other kinds (`web_search`, `custom`, `namespace` …) are omitted and reported in
    /// the header `x-harmonic-ignored`, because clients offer them to every server.
    #[serde(rename = "type", default)]
    pub kind: String,
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
    pub parameters: Option<Value>,
    /// Whether the schema is enforced also for calls that the model makes by itself; absent means
    /// no. Repeated in the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

impl ToolBody {
    /// Whether the tool is of an unsupported kind, which is omitted. A tool without a kind is an
    /// error.
    pub(super) fn left_out(&self) -> bool {
        !self.kind.is_empty() && self.kind != FUNCTION
    }
}

/// `tool_choice` that names a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ResponsesChoice", extend("required" = ["type", "name"]))]
pub struct ChoiceBody {
    /// `function`.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["function"]))]
    pub kind: String,
    /// Name of the tool.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
}

/// `text`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ResponsesTextConfig")]
pub struct TextConfig {
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
#[schemars(rename = "ResponsesFormat")]
pub struct FormatBody {
    /// `text`, `json_object` or `json_schema`; empty if absent.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Name for the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only with `json_schema`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub schema: Option<Value>,
    /// Repeated in the response; a schema is always enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// `reasoning`. Its `summary` is not read: the response contains the full reasoning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ResponsesReasoning")]
pub struct ReasoningBody {
    /// `none` and `minimal` disable thinking, any other value enables it; absent means the agent's
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
}

//! The body of `POST /v1/responses`.
//!
//! Invariants: as in the chat's body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::object;
use crate::openai::{Content, FUNCTION, Part};
use crate::said::{Said, StringOrObject};
use crate::sampling::body;
use crate::schema;
use crate::tools::NAME;

/// Fields that are not read because no answer depends on them: notes, billing, caches, limits of
/// tools that OpenAI runs, and what clients write into the items that they send back.
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
    "service_tier",
    "store",
    "stream_options",
    "user",
];

body! {
    /// A request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "ResponsesResponses", extend("required" = ["model", "input"]))]
    pub struct ResponsesBody with nucleus {
        /// The agent's name; empty when the body has none.
        #[serde(default)]
        pub model: String,
        /// What is asked: a text of the user's, or items, oldest first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub input: Option<Said<ItemBody>>,
        /// Instructions, after the agent's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub instructions: Option<String>,
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
        /// The form that the answer must have.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub text: Option<TextConfig>,
        /// Most tokens to generate, reasoning included.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub max_output_tokens: Option<u32>,
        /// Rivals per token, 0 to 20.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0, max = 20))]
        pub top_logprobs: Option<u32>,
        /// More that is wanted: `message.output_text.logprobs` is known, the rest ignored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub include: Option<Vec<String>>,
        /// Whether to think.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional"
        )]
        pub reasoning: Option<ReasoningBody>,
        /// Whether the answer comes as server-sent events; absent is no.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub stream: Option<bool>,
        /// The client's notes: told back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub metadata: Option<Map<String, Value>>,
        /// Refused unless empty: responses are not kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub previous_response_id: Option<Value>,
        /// Refused unless empty: conversations are not kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub conversation: Option<Value>,
        /// Refused unless empty: prompts are not kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub prompt: Option<Value>,
        /// Refused where true.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = [false, null]))]
        pub background: Option<bool>,
        /// `disabled`, `auto` or absent. A prompt that fits is never cut; one that does not is refused
        /// with `auto` too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = ["disabled", "auto", null]))]
        pub truncation: Option<String>,
    }
}

/// An item of the input: the fields of all kinds.
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
    pub content: Option<Content>,
    /// Of reasoning: what stands for it where `content` is absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional_list"
    )]
    pub summary: Option<Vec<Part>>,
    /// Of a call and its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Of a call: the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of a call: JSON text. An object or nothing is read as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub arguments: Option<Value>,
    /// Of a call's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Content>,
}

/// A tool that the answer may call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ResponsesTool", extend("required" = ["type"]))]
pub struct ToolBody {
    /// `function`. Others (`web_search`, `custom`, `namespace` …) are left out, and named in the
    /// header `x-harmonic-ignored`: clients offer them whatever the server is.
    #[serde(rename = "type", default)]
    pub kind: String,
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
    pub parameters: Option<Value>,
    /// Whether its arguments follow the schema also where the model calls it by itself; absent is no.
    /// Told back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

impl ToolBody {
    /// Whether it is of a kind that is not offered to the model. A tool without a kind is a mistake.
    pub(super) fn left_out(&self) -> bool {
        !self.kind.is_empty() && self.kind != FUNCTION
    }
}

/// `tool_choice` where it names a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ResponsesChoice", extend("required" = ["type", "name"]))]
pub struct ChoiceBody {
    /// `function`.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["function"]))]
    pub kind: String,
    /// The tool.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
}

/// `text`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ResponsesTextConfig")]
pub struct TextConfig {
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
#[schemars(rename = "ResponsesFormat")]
pub struct FormatBody {
    /// `text`, `json_object` or `json_schema`; empty when the body has none.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// For the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only with `json_schema`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub schema: Option<Value>,
    /// Told back: a schema is always enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// `reasoning`. Its `summary` is not listed: the reasoning itself is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ResponsesReasoning")]
pub struct ReasoningBody {
    /// `none` and `minimal` are not to think, and any other word to think; absent is the agent's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
}

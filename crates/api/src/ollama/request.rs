//! The bodies of `POST /api/chat` and `POST /api/generate`.
//!
//! Invariants: every optional field is absent or null when it is not set, and absent when written;
//! fields that are not listed are ignored when read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::generation::generation;
use crate::object;
use crate::openai::ToolBody;
use crate::schema;
use crate::tools::NAME;

/// Fields that are not read because no answer depends on them: where and how weights are loaded,
/// which the plan says; and how a prompt that does not fit would be cut, which it never is.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "messages[].tool_calls[].function.index",
    "messages[].tool_calls[].index",
    "messages[].tool_calls[].type",
    "options.draft_num_predict",
    "options.f16_kv",
    "options.logits_all",
    "options.low_vram",
    "options.main_gpu",
    "options.mirostat_eta",
    "options.mirostat_tau",
    "options.num_batch",
    "options.num_gpu",
    "options.num_gqa",
    "options.num_keep",
    "options.num_thread",
    "options.numa",
    "options.use_mlock",
    "options.use_mmap",
    "options.vocab_only",
    "shift",
    "truncate",
];

generation! {
    /// A chat request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "OllamaChat", extend("required" = ["model"]))]
    pub struct ChatBody {
        /// The agent's name, `:latest` at its end or not; empty when the body has none.
        #[serde(default)]
        pub model: String,
        /// The conversation, oldest first. Empty asks whether the agent is there.
        #[serde(default, deserialize_with = "object::list_or_null")]
        pub messages: Vec<MessageBody>,
        /// Tools that the answer may call.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional_list"
        )]
        pub tools: Option<Vec<ToolBody>>,
    }
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaMessage", extend("required" = ["role"]))]
pub struct MessageBody {
    /// `system`, `user`, `assistant` or `tool`; empty when the body has none.
    #[serde(default)]
    #[schemars(extend("enum" = ["system", "user", "assistant", "tool"]))]
    pub role: String,
    /// What is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What the assistant thought before it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Images in base64, for models that see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<String>>,
    /// Tools that the assistant called.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional_list"
    )]
    pub tool_calls: Option<Vec<CallBody>>,
    /// The tool whose result this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_name: Option<String>,
    /// The call whose result this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaCall", extend("required" = ["function"]))]
pub struct CallBody {
    /// Names the call; many clients leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is called.
    #[serde(default, deserialize_with = "object::one")]
    pub function: CalledBody,
}

/// A function and its arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaCalled", extend("required" = ["name"]))]
pub struct CalledBody {
    /// Counts the answer's calls from 0; not read.
    #[serde(default, skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub index: Option<u32>,
    /// The tool.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Its arguments. JSON text or nothing is read as well.
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    pub arguments: Value,
}

generation! {
    /// A request to continue one text.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "OllamaGenerate", extend("required" = ["model"]))]
    pub struct GenerateBody {
        /// The agent's name, `:latest` at its end or not; empty when the body has none.
        #[serde(default)]
        pub model: String,
        /// What is asked. Empty asks whether the agent is there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub prompt: Option<String>,
        /// Instructions, after the agent's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub system: Option<String>,
        /// Whether `prompt` is continued as it stands: no template, no system prompt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub raw: Option<bool>,
        /// Refused unless empty: what follows the gap.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub suffix: Option<Value>,
        /// Images in base64, for models that see.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub images: Option<Vec<String>>,
        /// Refused unless empty: another chat template.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub template: Option<Value>,
        /// Refused unless empty: tokens of an earlier answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub context: Option<Value>,
    }
}

//! Bodies of `POST /api/chat` and `POST /api/generate`.
//!
//! Invariants: unset optional fields are absent or null when read, absent when written; unlisted
//! fields are ignored when read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::generation::generation;
use crate::object;
use crate::openai::ToolBody;
use crate::schema;
use crate::tools::NAME;

/// Fields that are not read because no answer depends on them: loading of weights, which the plan
/// determines, and truncation of long prompts, which never happens.
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
    /// Chat request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "OllamaChat", extend("required" = ["model"]))]
    pub struct ChatBody {
        /// Agent name, with or without `:latest`; empty if absent.
        #[serde(default)]
        pub model: String,
        /// Conversation, oldest message first. An empty list checks whether the agent is available.
        #[serde(default, deserialize_with = "object::list_or_null")]
        pub messages: Vec<MessageBody>,
        /// Tools that the model may call.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "object::optional_list"
        )]
        pub tools: Option<Vec<ToolBody>>,
    }
}

/// Message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaMessage", extend("required" = ["role"]))]
pub struct MessageBody {
    /// `system`, `user`, `assistant` or `tool`; empty if absent.
    #[serde(default)]
    #[schemars(extend("enum" = ["system", "user", "assistant", "tool"]))]
    pub role: String,
    /// Content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Reasoning before the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Images in base64, for multimodal models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<String>>,
    /// Tool calls of the assistant.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional_list"
    )]
    pub tool_calls: Option<Vec<CallBody>>,
    /// Name of the tool that returned this result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_name: Option<String>,
    /// Id of the call that returned this result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

/// Tool call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaCall", extend("required" = ["function"]))]
pub struct CallBody {
    /// Id of the call; many clients omit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Called function.
    #[serde(default, deserialize_with = "object::one")]
    pub function: CalledBody,
}

/// Function name and arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaCalled", extend("required" = ["name"]))]
pub struct CalledBody {
    /// Index of the call in the answer, from 0; not read.
    #[serde(default, skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub index: Option<u32>,
    /// Name of the tool.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Arguments. JSON text and null are accepted too.
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    pub arguments: Value,
}

generation! {
    /// Request to continue a text.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "OllamaGenerate", extend("required" = ["model"]))]
    pub struct GenerateBody {
        /// Agent name, with or without `:latest`; empty if absent.
        #[serde(default)]
        pub model: String,
        /// Prompt. An empty one checks whether the agent is available.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub prompt: Option<String>,
        /// System prompt, appended to the agent's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub system: Option<String>,
        /// Whether `prompt` is used verbatim: no template, no system prompt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub raw: Option<bool>,
        /// Refused unless empty: text after the insertion.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub suffix: Option<Value>,
        /// Images in base64, for multimodal models.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub images: Option<Vec<String>>,
        /// Refused unless empty: another chat template.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub template: Option<Value>,
        /// Refused unless empty: tokens of an earlier answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub context: Option<Value>,
    }
}

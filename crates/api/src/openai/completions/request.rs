//! Body of `POST /v1/completions`.
//!
//! Invariants: as in the chat's body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::openai::generation::generation;
use crate::schema;
use crate::untagged::Strings;

/// Fields that are not read because no answer depends on them.
pub(super) const WITHOUT_EFFECT: &[&str] = &["stream_options.include_obfuscation", "user"];

generation! {
    /// Completion request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "OpenAiCompletion", extend("required" = ["model", "prompt"]))]
    pub struct CompletionBody with nucleus, candidates, penalties {
        /// Agent name; empty if absent.
        #[serde(default)]
        pub model: String,
        /// Prompt text, alone or in a list of one; token ids are refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub prompt: Option<Strings>,
        /// Maximum number of tokens to generate; absent means 16, as in OpenAI's API.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub max_tokens: Option<u32>,
        /// Must equal `n` or be absent: selecting the best of more answers is not supported.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 16))]
        pub best_of: Option<u32>,
        /// Log-probabilities: of the token itself and of this many alternatives, 0 to 20.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0, max = 20))]
        pub logprobs: Option<u32>,
        /// Refused if true.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = [false, null]))]
        pub echo: Option<bool>,
        /// Refused unless empty: text after the insertion.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::empty")]
        pub suffix: Option<Value>,
    }
}

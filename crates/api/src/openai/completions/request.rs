//! The body of `POST /v1/completions`.
//!
//! Invariants: as in the chat's body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::openai::generation::generation;
use crate::said::Strings;
use crate::schema;

/// Fields that are not read because no answer depends on them.
pub(super) const WITHOUT_EFFECT: &[&str] = &["stream_options.include_obfuscation", "user"];

generation! {
    /// A completion request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "OpenAiCompletion", extend("required" = ["model", "prompt"]))]
    pub struct CompletionBody with nucleus, candidates, penalties {
        /// The agent's name; empty when the body has none.
        #[serde(default)]
        pub model: String,
        /// The text, alone or in a list; token ids are refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub prompt: Option<Strings>,
        /// Most tokens to generate; absent is 16, as OpenAI has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub max_tokens: Option<u32>,
        /// As `n`, or absent: the best of more than are wanted is not looked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 16))]
        pub best_of: Option<u32>,
        /// Log-probabilities wanted: of the token itself and this many best, 0 to 20.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0, max = 20))]
        pub logprobs: Option<u32>,
        /// Refused where true.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = [false, null]))]
        pub echo: Option<bool>,
        /// Refused unless empty: what follows the gap.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "schema::nothing")]
        pub suffix: Option<Value>,
    }
}

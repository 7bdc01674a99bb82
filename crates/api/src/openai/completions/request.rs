//! The body of `POST /v1/completions`.
//!
//! Invariants: as in the chat's body.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::object;
use crate::openai::{ResponseFormat, Spellings, StreamOptions, StructuredOutputs};
use crate::said::Strings;
use crate::schema;

/// Fields that are not read because no answer depends on them.
pub(super) const WITHOUT_EFFECT: &[&str] = &["stream_options.include_obfuscation", "user"];

/// A completion request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiCompletion", extend("required" = ["model", "prompt"]))]
pub struct CompletionBody {
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
    /// Answers wanted, 1 to 16; absent is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub n: Option<u32>,
    /// As `n`, or absent: the best of more than are wanted is not looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub best_of: Option<u32>,
    /// Whether the answer comes as server-sent events; absent is no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Only with `stream`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub stream_options: Option<StreamOptions>,
    /// Log-probabilities wanted: of the token itself and this many best, 0 to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20))]
    pub logprobs: Option<u32>,
    /// 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f32>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub top_p: Option<f32>,
    /// Most likely tokens to choose from; 0 and −1 are all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 4_294_967_295_i64))]
    pub top_k: Option<i64>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub min_p: Option<f32>,
    /// −2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -2, max = 2))]
    pub presence_penalty: Option<f32>,
    /// −2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -2, max = 2))]
    pub frequency_penalty: Option<f32>,
    /// Above 0 up to 10; 1 is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 10), extend("exclusiveMinimum" = 0))]
    pub repeat_penalty: Option<f32>,
    /// Added to the logits of these tokens, by id: −100 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<BTreeMap<String, f32>>,
    /// Strings that end the answer: at most 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Strings>,
    /// Seed of the draw; the request keeps the bit pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Go on past the model's end of turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_eos: Option<bool>,
    /// Refused where true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [false, null]))]
    pub echo: Option<bool>,
    /// Refused unless empty: what follows the gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::nothing")]
    pub suffix: Option<Value>,
    /// The form that the text must have.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub response_format: Option<ResponseFormat>,
    /// Forms that OpenAI's API has no word for, as vLLM names them.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub structured_outputs: Option<StructuredOutputs>,
    /// A JSON Schema, or its text: llama-server's and SGLang's name for `response_format`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub json_schema: Option<Value>,
    /// A JSON Schema, or its text: vLLM's older name for `response_format`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub guided_json: Option<Value>,
    /// vLLM's older name for `structured_outputs.regex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guided_regex: Option<String>,
    /// vLLM's older name for `structured_outputs.choice`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guided_choice: Option<Vec<String>>,
    /// vLLM's older name for `structured_outputs.grammar`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guided_grammar: Option<String>,
    /// SGLang's name for `structured_outputs.regex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
}

impl CompletionBody {
    /// The forms that it asks for by other servers' names.
    pub(crate) fn spellings(&mut self) -> Spellings {
        Spellings {
            json_schema: self.json_schema.take(),
            guided_json: self.guided_json.take(),
            guided_regex: self.guided_regex.take(),
            guided_choice: self.guided_choice.take(),
            guided_grammar: self.guided_grammar.take(),
            regex: self.regex.take(),
        }
    }
}

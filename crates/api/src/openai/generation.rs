//! Fields that chats and completions share, each written once; `crate::sampling` says why a macro does
//! it.

/// Defines a body with its own fields, those of the groups of sampling that it names, and what chats
/// and completions share. The body has `spellings`.
macro_rules! generation {
    ($(#[$attribute:meta])* pub struct $name:ident with $($group:ident),+ { $($own:tt)* }) => {
        crate::sampling::body! { $(#[$attribute])* pub struct $name with $($group),+ {
            $($own)*
            /// Answers wanted, 1 to 16; absent is 1.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 1, max = 16))]
            pub n: Option<u32>,
            /// Whether the answer comes as server-sent events; absent is no.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub stream: Option<bool>,
            /// Only with `stream`.
            #[serde(
                default,
                skip_serializing_if = "Option::is_none",
                deserialize_with = "crate::object::optional"
            )]
            pub stream_options: Option<crate::openai::StreamOptions>,
            /// Strings that end the answer: at most 16.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub stop: Option<crate::said::Strings>,
            /// Seed of the draw. 64 bits as OpenAI has them: signed; the request keeps the bit pattern.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub seed: Option<i64>,
            /// Go on past the model's end of turn.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub ignore_eos: Option<bool>,
            /// Added to the logits of these tokens, by id: −100 to 100.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub logit_bias: Option<std::collections::BTreeMap<String, f32>>,
            /// The form that the answer must have.
            #[serde(
                default,
                skip_serializing_if = "Option::is_none",
                deserialize_with = "crate::object::optional"
            )]
            pub response_format: Option<crate::openai::ResponseFormat>,
            /// Forms that OpenAI's API has no word for, as vLLM names them.
            #[serde(
                default,
                skip_serializing_if = "Option::is_none",
                deserialize_with = "crate::object::optional"
            )]
            pub structured_outputs: Option<crate::openai::StructuredOutputs>,
            /// A JSON Schema, or its text: llama-server's and SGLang's name for `response_format`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
            pub json_schema: Option<serde_json::Value>,
            /// A JSON Schema, or its text: vLLM's older name for `response_format`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
            pub guided_json: Option<serde_json::Value>,
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
        } }

        impl $name {
            /// The forms that it asks for by other servers' names.
            pub(crate) fn spellings(&mut self) -> crate::openai::Spellings {
                crate::openai::Spellings {
                    json_schema: self.json_schema.take(),
                    guided_json: self.guided_json.take(),
                    guided_regex: self.guided_regex.take(),
                    guided_choice: self.guided_choice.take(),
                    guided_grammar: self.guided_grammar.take(),
                    regex: self.regex.take(),
                }
            }
        }
    };
}
pub(in crate::openai) use generation;

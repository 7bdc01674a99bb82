//! Fields shared by chats and completions, each written once; `crate::sampling` explains the macro.

/// Defines a body with its own fields, those of the named sampling groups, and the shared ones, and
/// the method `format_aliases`.
macro_rules! generation {
    ($(#[$attribute:meta])* pub struct $name:ident with $($group:ident),+ { $($own:tt)* }) => {
        crate::sampling::body! { $(#[$attribute])* pub struct $name with $($group),+ {
            $($own)*
            /// Number of answers, 1 to 16; absent means 1.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 1, max = 16))]
            pub n: Option<u32>,
            /// Whether the response is streamed as server-sent events; absent means no.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub stream: Option<bool>,
            /// Only with `stream`.
            #[serde(
                default,
                skip_serializing_if = "Option::is_none",
                deserialize_with = "crate::object::optional"
            )]
            pub stream_options: Option<crate::openai::StreamOptions>,
            /// Stop strings, at most 16.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub stop: Option<crate::untagged::Strings>,
            /// Sampling seed. Signed 64 bits, as in OpenAI's API; the request keeps the bit
            /// pattern.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub seed: Option<i64>,
            /// Whether generation continues past the model's end of turn.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub ignore_eos: Option<bool>,
            /// Biases added to the logits of tokens, by token id: −100 to 100.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub logit_bias: Option<std::collections::BTreeMap<String, f32>>,
            /// Required output format.
            #[serde(
                default,
                skip_serializing_if = "Option::is_none",
                deserialize_with = "crate::object::optional"
            )]
            pub response_format: Option<crate::openai::ResponseFormat>,
            /// Output formats that OpenAI's API lacks, as in vLLM.
            #[serde(
                default,
                skip_serializing_if = "Option::is_none",
                deserialize_with = "crate::object::optional"
            )]
            pub structured_outputs: Option<crate::openai::StructuredOutputs>,
            /// JSON Schema, or its text: llama-server's and SGLang's name for `response_format`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
            pub json_schema: Option<serde_json::Value>,
            /// JSON Schema, or its text: vLLM's older name for `response_format`.
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
            /// Output formats under other servers' names.
            pub(crate) fn format_aliases(&mut self) -> crate::openai::FormatAliases {
                crate::openai::FormatAliases {
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

//! Fields shared by chats and generations, each written once; `crate::sampling` explains the macro.

/// Defines a body with its own fields and the shared ones.
macro_rules! generation {
    ($(#[$attribute:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$attribute])*
        pub struct $name {
            $($own)*
            /// Whether the response is streamed as lines; absent means yes.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub stream: Option<bool>,
            /// Required output format: `json` or a JSON Schema.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "crate::schema::ollama_format")]
            pub format: Option<serde_json::Value>,
            /// Sampling and limits.
            #[serde(
                default,
                skip_serializing_if = "Option::is_none",
                deserialize_with = "crate::object::optional"
            )]
            pub options: Option<crate::ollama::Options>,
            /// Thinking mode: a boolean, or a level (`low`, `medium`, `high`), which enables it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "crate::schema::ollama_think")]
            pub think: Option<serde_json::Value>,
            /// Whether log-probabilities are returned.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub logprobs: Option<bool>,
            /// Alternatives per token, 0 to 20; only with `logprobs`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 0, max = 20))]
            pub top_logprobs: Option<u32>,
            /// Without effect, because weights stay loaded as long as the server runs. 0 with
            /// nothing to answer, which means unloading, is refused.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "crate::schema::ollama_keep_alive")]
            pub keep_alive: Option<serde_json::Value>,
        }
    };
}
pub(super) use generation;

//! Fields that chats and generations share, each written once; `crate::sampling` says why a macro does
//! it.

/// Defines a body with its own fields and what chats and generations share.
macro_rules! generation {
    ($(#[$attribute:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$attribute])*
        pub struct $name {
            $($own)*
            /// Whether the answer comes in lines; absent is yes.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub stream: Option<bool>,
            /// The form that the answer must have: `json` or a JSON Schema.
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
            /// Whether to think: a boolean, or how much (`low`, `medium`, `high`), which is yes.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "crate::schema::ollama_think")]
            pub think: Option<serde_json::Value>,
            /// Whether log-probabilities are wanted.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub logprobs: Option<bool>,
            /// Rivals per token, 0 to 20; only with `logprobs`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 0, max = 20))]
            pub top_logprobs: Option<u32>,
            /// How long weights stay loaded, which is as long as the server runs: only to unload them, with
            /// 0 and nothing to answer, is refused.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "crate::schema::ollama_keep_alive")]
            pub keep_alive: Option<serde_json::Value>,
        }
    };
}
pub(super) use generation;

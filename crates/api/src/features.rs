//! The fields by which a body asks for what not every engine can do, so that a server that refuses
//! them does so in the client's words.

/// Names of those fields, as the dialect or, where it has several names, the client writes them. A
/// field that the body does not have keeps its usual name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureFields {
    /// Log-probabilities of tokens.
    pub logprobs: &'static str,
    /// The form of the answer.
    pub format: &'static str,
    /// Tools that the answer may call.
    pub tools: &'static str,
    /// Going on past the model's end of turn.
    pub ignore_eos: &'static str,
    /// A context of the request's own.
    pub context: &'static str,
}

impl Default for FeatureFields {
    fn default() -> Self {
        Self {
            logprobs: "logprobs",
            format: "response_format",
            tools: "tools",
            ignore_eos: "ignore_eos",
            context: "options.num_ctx",
        }
    }
}

//! What an engine can do, as far as engines differ.
//!
//! Invariant: what a request asks for and its engine cannot do is refused before the request is
//! queued; nothing is dropped without a word.

use harmonic_types::Format;
use serde::Serialize;

/// What an engine can do for the agents that it serves. The default is nothing but text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a capability of its own")]
pub struct Capabilities {
    /// Log-probabilities of tokens ([`harmonic_types::Request::top_logprobs`]).
    pub logprobs: bool,
    /// Forms that answers can be held to.
    pub forms: Forms,
    /// Tools that the model may call.
    pub tools: bool,
    /// Whether calls that the model makes by itself can be held to the schemas of their arguments
    /// ([`harmonic_types::Request::strict_tools`]): where a call begins like any answer, they cannot.
    pub strict_tools: bool,
    /// Whether [`count_tokens`](crate::Engine::count_tokens) is exact.
    pub exact_counts: bool,
    /// Whether a running request can be parked and resumed.
    pub preemption: bool,
    /// Whether prompt tokens that were computed before are restored.
    pub prefix_cache: bool,
    /// Embeddings of texts.
    pub embeddings: bool,
    /// Going on past the model's end of turn.
    pub ignore_eos: bool,
    /// A context of the request's own, instead of its agent's.
    pub request_context: bool,
    /// Images in messages.
    pub vision: bool,
    /// Recordings in messages.
    pub audio: bool,
}

/// Forms that an engine can hold answers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a capability of its own")]
pub struct Forms {
    /// Some JSON object.
    pub json_object: bool,
    /// A JSON Schema.
    pub json_schema: bool,
    /// A grammar in llguidance's dialect of Lark.
    pub grammar: bool,
    /// A regular expression.
    pub regex: bool,
}

impl Forms {
    /// Every form.
    pub const ALL: Self = Self { json_object: true, json_schema: true, grammar: true, regex: true };

    /// Whether `format` is among them.
    pub const fn holds(self, format: &Format) -> bool {
        match format {
            Format::JsonObject => self.json_object,
            Format::JsonSchema(_) => self.json_schema,
            Format::Grammar(_) => self.grammar,
            Format::Regex(_) => self.regex,
        }
    }
}

//! Capabilities that differ between engines.
//!
//! Invariant: a request for a missing capability is rejected before it is queued; nothing is
//! ignored silently.

use harmonic_types::{Format, Rejection, Request, SystemTurn};
use serde::Serialize;

/// Capabilities of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a capability of its own")]
pub struct Capabilities {
    /// Text generation.
    pub generation: bool,
    /// Log-probabilities of tokens, [`harmonic_types::Request::top_logprobs`].
    pub logprobs: bool,
    /// Supported kinds of constrained answers.
    pub forms: Forms,
    /// Tool calls.
    pub tools: bool,
    /// Schema-constrained arguments of unforced tool calls,
    /// [`harmonic_types::Request::strict_tools`]. Not possible if the start of a call cannot be
    /// told from plain text.
    pub strict_tools: bool,
    /// Whether [`count_tokens`](crate::Engine::count_tokens) is exact.
    pub exact_counts: bool,
    /// Whether running requests can be preempted and resumed.
    pub preemption: bool,
    /// Whether previously computed prompt tokens are restored.
    pub prefix_cache: bool,
    /// Embeddings of texts, [`Engine::embed`](crate::Engine::embed).
    pub embeddings: bool,
    /// Generation past the model's end of turn.
    pub ignore_eos: bool,
    /// A system turn of the request's own, [`SystemTurn::Request`]. Engines that put the agent's
    /// system prompt first whatever is asked lack it.
    pub own_system_turn: bool,
    /// Context size per request instead of per agent.
    pub request_context: bool,
    /// Images in messages.
    pub vision: bool,
    /// Audio in messages.
    pub audio: bool,
}

impl Capabilities {
    /// Plain text only.
    pub const TEXT: Self = Self {
        generation: true,
        logprobs: false,
        forms: Forms { json_object: false, json_schema: false, grammar: false, regex: false },
        tools: false,
        strict_tools: false,
        exact_counts: false,
        preemption: false,
        prefix_cache: false,
        embeddings: false,
        ignore_eos: false,
        own_system_turn: false,
        request_context: false,
        vision: false,
        audio: false,
    };

    /// Rejects a request that has its own system turn, unless the engine has the capability. No
    /// dialect has a field for it, so the gateway does not check this.
    ///
    /// # Errors
    /// [`Rejection::Invalid`], with the name of the capability.
    pub fn check_system_turn(&self, request: &Request) -> Result<(), Rejection> {
        if request.system == SystemTurn::Agent || self.own_system_turn {
            return Ok(());
        }
        let message = format!(
            "the engine of {} puts the agent's own system prompt first (it lacks the capability \
             `own_system_turn`): leave the system turn to the agent",
            request.agent
        );
        Err(Rejection::Invalid { message })
    }
}

/// Kinds of constrained answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a capability of its own")]
pub struct Forms {
    /// Any JSON object.
    pub json_object: bool,
    /// A JSON Schema.
    pub json_schema: bool,
    /// A grammar in llguidance's Lark dialect.
    pub grammar: bool,
    /// A regular expression.
    pub regex: bool,
}

impl Forms {
    /// All kinds.
    pub const ALL: Self = Self { json_object: true, json_schema: true, grammar: true, regex: true };

    /// Whether `format` is supported.
    pub const fn holds(self, format: &Format) -> bool {
        match format {
            Format::JsonObject => self.json_object,
            Format::JsonSchema(_) => self.json_schema,
            Format::Grammar(_) => self.grammar,
            Format::Regex(_) => self.regex,
        }
    }
}

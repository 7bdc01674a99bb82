//! What each program can.

use harmonic_types::EngineProgram;

/// Abilities of a program through its HTTP API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an ability of its own")]
pub struct ProgramAbilities {
    /// Log-probabilities of tokens.
    pub logprobs: bool,
    /// Any JSON object as the answer.
    pub json_object: bool,
    /// An answer that matches a JSON Schema.
    pub json_schema: bool,
    /// An answer that matches a regular expression.
    pub regex: bool,
    /// Tool calls.
    pub tools: bool,
    /// Exact counts of tokens before a request runs.
    pub exact_counts: bool,
    /// Generation past the model's end of turn.
    pub ignore_eos: bool,
    /// Reuse of computed beginnings of prompts.
    pub prefix_cache: bool,
    /// Sampling: smallest share of the likeliest token, `min_p`.
    pub min_p: bool,
    /// Priority of a request among those that wait.
    pub priority: bool,
    /// Whether the server adds an agent's system prompt by itself.
    pub holds_system_prompt: bool,
}

/// Abilities of `program`, through the API that its engine is asked with: `docs/sources.md#tested-engine-programs`.
pub const fn abilities(program: EngineProgram) -> ProgramAbilities {
    match program {
        EngineProgram::Ollama => ProgramAbilities {
            logprobs: true,
            json_object: true,
            json_schema: true,
            regex: false,
            tools: true,
            exact_counts: false,
            ignore_eos: false,
            prefix_cache: true,
            min_p: true,
            priority: false,
            holds_system_prompt: true,
        },
        EngineProgram::LlamaServer => ProgramAbilities {
            logprobs: true,
            json_object: true,
            json_schema: true,
            regex: false,
            tools: true,
            exact_counts: true,
            ignore_eos: true,
            prefix_cache: true,
            min_p: true,
            priority: false,
            holds_system_prompt: false,
        },
        EngineProgram::Vllm => ProgramAbilities {
            logprobs: true,
            json_object: true,
            json_schema: true,
            regex: true,
            // Its parser of calls is chosen per model by a flag, which the plan does not know.
            tools: false,
            exact_counts: false,
            ignore_eos: true,
            prefix_cache: true,
            min_p: true,
            priority: true,
            holds_system_prompt: false,
        },
    }
}

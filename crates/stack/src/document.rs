//! The raw content of a stack file: every field optional, every value with its position.
//!
//! Owns the keys of the file, not their meaning; `parse` validates and completes them. An unknown
//! key is an error of the TOML parser. The comments on the keys are the descriptions in the JSON
//! Schema, which editors show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// A team of agents for Harmonic Stack.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Stack file", extend("required" = ["name", "agents"]))]
pub(crate) struct StackDocument {
    /// Name of the stack.
    #[schemars(with = "Option<String>", regex(pattern = "^[a-z0-9_-]{1,64}$"))]
    pub(crate) name: Option<Spanned<String>>,
    /// Engine of the agents that state none: `llama`, `sim`, `ollama`, `llama-server`, `vllm`, `remote=URL`, or the name of a table in `engines`.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(crate) engine: Option<Spanned<String>>,
    /// Engines by name, which `engine` keys refer to.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, EngineDocument>")]
    pub(crate) engines: BTreeMap<String, Spanned<EngineDocument>>,
    /// What is stated for all agents on a base model, by its name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, ModelDocument>")]
    pub(crate) models: BTreeMap<String, Spanned<ModelDocument>>,
    /// Agents of the stack, with unique names.
    #[serde(default)]
    #[schemars(with = "Vec<AgentDocument>", length(min = 1))]
    pub(crate) agents: Vec<Spanned<AgentDocument>>,
}

/// An engine. `url` and the keys after it are those of the kind `remote`, `executable` is that of the programs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Engine", extend("required" = ["kind"]))]
pub(crate) struct EngineDocument {
    /// Kind: `llama`, `sim`, `ollama`, `llama-server`, `vllm` or `remote`.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(crate) kind: Option<Spanned<String>>,
    /// Path of the program; it is searched for on `PATH` if absent.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(crate) executable: Option<Spanned<String>>,
    /// Address of a server that already runs, such as `https://example.org/v1`.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(crate) url: Option<Spanned<String>>,
    /// API of that server: `openai` (if absent) or `ollama`.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(crate) dialect: Option<Spanned<String>>,
    /// Environment variable that holds the key of that server, never the key itself.
    #[schemars(with = "Option<String>", regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub(crate) key_env: Option<Spanned<String>>,
    /// Name of the model there; that of the agent's model if absent.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(crate) model: Option<Spanned<String>>,
    /// Tokens of prompt and answer of one request there; unknown if absent.
    #[schemars(with = "Option<i64>", range(min = 1, max = 4_294_967_295_u32))]
    pub(crate) context: Option<Spanned<i64>>,
}

/// What is stated for all agents on a base model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Model")]
pub(crate) struct ModelDocument {
    /// Engine of the agents on this model that state none, as `engine` of the stack.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(crate) engine: Option<Spanned<String>>,
}

/// One agent. Without `like`, name, tier, model, context, role and system prompt are required.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Agent")]
pub(crate) struct AgentDocument {
    /// Built-in agent that provides the fields absent from this table.
    #[schemars(with = "Option<String>")]
    pub(crate) like: Option<Spanned<String>>,
    /// Name, unique in the stack; the model name for clients.
    #[schemars(with = "Option<String>", regex(pattern = "^[a-z0-9_-]{1,64}$"))]
    pub(crate) name: Option<Spanned<String>>,
    /// Priority: 1 executive, 2 directors, 3 specialists, 4 heavy.
    #[schemars(with = "Option<i64>", range(min = 1, max = 4))]
    pub(crate) tier: Option<Spanned<i64>>,
    /// Base model: a catalog name such as `qwen3:8b`, `hf:ORG/REPO:QUANT`, a name from `models list`, or a path.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(crate) model: Option<Spanned<String>>,
    /// Engine of this agent, as `engine` of the stack.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(crate) engine: Option<Spanned<String>>,
    /// Tokens of prompt and answer of one request together.
    #[schemars(with = "Option<i64>", range(min = 1, max = 4_294_967_295_u32))]
    pub(crate) context: Option<Spanned<i64>>,
    /// Smallest useful context: with less, the agent is left out of a plan. Half of `context` if absent.
    #[schemars(with = "Option<i64>", range(min = 1))]
    pub(crate) min_context: Option<Spanned<i64>>,
    /// Purpose of the agent, one line.
    pub(crate) role: Option<String>,
    /// The system prompt; excludes `system_file`.
    pub(crate) system: Option<String>,
    /// Markdown file with the system prompt, relative to the stack file.
    #[schemars(with = "Option<String>")]
    pub(crate) system_file: Option<Spanned<String>>,
    /// Default sampling parameters; a request may override them.
    #[serde(default)]
    pub(crate) sampling: SamplingDocument,
    /// Default of thinking, for a model that can; a request may override it.
    pub(crate) thinking: Option<bool>,
}

/// The sampling of an agent: the keys of [`harmonic_types::Sampling`].
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Sampling", description = "Sampling parameters.")]
pub(crate) struct SamplingDocument {
    /// 0 selects the most likely token; larger values flatten the distribution.
    #[schemars(with = "Option<f32>", range(min = 0, max = 2))]
    pub(crate) temperature: Option<Spanned<f32>>,
    /// Number of most likely tokens considered; 0 is all.
    #[schemars(with = "Option<i64>", range(min = 0, max = 4_294_967_295_u32))]
    pub(crate) top_k: Option<Spanned<i64>>,
    /// Probability mass of the most likely tokens considered; 1 is all.
    #[schemars(with = "Option<f32>", extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub(crate) top_p: Option<Spanned<f32>>,
    /// Least probability considered, relative to the most likely token; 0 is all.
    #[schemars(with = "Option<f32>", range(min = 0, max = 1))]
    pub(crate) min_p: Option<Spanned<f32>>,
    /// Divisor of recent tokens' logits; 1 is off.
    #[schemars(with = "Option<f32>", extend("exclusiveMinimum" = 0, "maximum" = 2))]
    pub(crate) repeat_penalty: Option<Spanned<f32>>,
    /// Subtracted from the logit of each recent token, once; 0 is off.
    #[schemars(with = "Option<f32>", range(min = -2, max = 2))]
    pub(crate) presence_penalty: Option<Spanned<f32>>,
    /// Subtracted from the logit of a recent token, per occurrence; 0 is off.
    #[schemars(with = "Option<f32>", range(min = -2, max = 2))]
    pub(crate) frequency_penalty: Option<Spanned<f32>>,
}

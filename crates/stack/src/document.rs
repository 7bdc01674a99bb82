//! A stack file as it is written: every field optional, every value with its place.
//!
//! Owns the keys of the file and nothing about their meaning; `parse` checks and completes them.
//! An unknown key is an error of the TOML parser. The comments on the keys are the descriptions of
//! the JSON Schema that editors show.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// A team of agents for Harmonic Stack.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Stack file", extend("required" = ["name", "agents"]))]
pub(crate) struct StackDocument {
    /// What the team is called.
    #[schemars(with = "Option<String>", regex(pattern = "^[a-z0-9_-]{1,64}$"))]
    pub(crate) name: Option<Spanned<String>>,
    /// Its agents, each named once.
    #[serde(default)]
    #[schemars(with = "Vec<AgentDocument>", length(min = 1))]
    pub(crate) agents: Vec<Spanned<AgentDocument>>,
}

/// One agent. Without `like` it needs a name, tier, model, context, role and system prompt.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Agent")]
pub(crate) struct AgentDocument {
    /// Built-in agent whose fields apply where this table has none.
    #[schemars(with = "Option<String>")]
    pub(crate) like: Option<Spanned<String>>,
    /// Unique in the stack; the model name that clients use.
    #[schemars(with = "Option<String>", regex(pattern = "^[a-z0-9_-]{1,64}$"))]
    pub(crate) name: Option<Spanned<String>>,
    /// Priority: 1 executive, 2 directors, 3 specialists, 4 heavy.
    #[schemars(with = "Option<i64>", range(min = 1, max = 4))]
    pub(crate) tier: Option<Spanned<i64>>,
    /// Base model: `qwen3:8b` of the catalog, `hf:ORG/REPO:QUANT`, what `models list` shows, or a path.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(crate) model: Option<Spanned<String>>,
    /// Tokens that prompt and answer of one request need together.
    #[schemars(with = "Option<i64>", range(min = 1, max = 4_294_967_295_u32))]
    pub(crate) context: Option<Spanned<i64>>,
    /// One line on what it is for.
    pub(crate) role: Option<String>,
    /// The system prompt; not together with `system_file`.
    pub(crate) system: Option<String>,
    /// Markdown file with the system prompt, relative to the stack file.
    #[schemars(with = "Option<String>")]
    pub(crate) system_file: Option<Spanned<String>>,
    /// How the next token is chosen, unless a request says otherwise.
    #[serde(default)]
    pub(crate) sampling: SamplingDocument,
    /// Whether a model that can think does so, unless a request says otherwise.
    pub(crate) thinking: Option<bool>,
}

/// The sampling of an agent: the keys of [`harmonic_types::Sampling`].
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Sampling", description = "How the next token is chosen.")]
pub(crate) struct SamplingDocument {
    /// 0 takes the most likely token; larger flattens the distribution.
    #[schemars(with = "Option<f32>", range(min = 0, max = 2))]
    pub(crate) temperature: Option<Spanned<f32>>,
    /// Only the k most likely tokens; 0 is all.
    #[schemars(with = "Option<i64>", range(min = 0, max = 4_294_967_295_u32))]
    pub(crate) top_k: Option<Spanned<i64>>,
    /// Smallest set whose probability reaches p; 1 is all.
    #[schemars(with = "Option<f32>", extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub(crate) top_p: Option<Spanned<f32>>,
    /// Only tokens at least this fraction as likely as the best; 0 is all.
    #[schemars(with = "Option<f32>", range(min = 0, max = 1))]
    pub(crate) min_p: Option<Spanned<f32>>,
    /// Divides the logits of tokens seen lately; 1 is off.
    #[schemars(with = "Option<f32>", extend("exclusiveMinimum" = 0, "maximum" = 2))]
    pub(crate) repeat_penalty: Option<Spanned<f32>>,
    /// Subtracted once for each token seen lately; 0 is off.
    #[schemars(with = "Option<f32>", range(min = -2, max = 2))]
    pub(crate) presence_penalty: Option<Spanned<f32>>,
    /// Subtracted for each time a token was seen lately; 0 is off.
    #[schemars(with = "Option<f32>", range(min = -2, max = 2))]
    pub(crate) frequency_penalty: Option<Spanned<f32>>,
}

//! A stack file as it is written: every field optional, every value with its place.
//!
//! Owns the keys of the file and nothing about their meaning; `parse` checks and completes them.
//! An unknown key is an error of the TOML parser.

use serde::Deserialize;
use toml::Spanned;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StackDocument {
    pub(crate) name: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) agents: Vec<Spanned<AgentDocument>>,
}

/// One `[[agents]]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentDocument {
    /// Built-in agent whose fields apply where this table has none.
    pub(crate) like: Option<Spanned<String>>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) tier: Option<Spanned<i64>>,
    pub(crate) model: Option<Spanned<String>>,
    pub(crate) context: Option<Spanned<i64>>,
    pub(crate) role: Option<String>,
    pub(crate) system: Option<String>,
    /// Markdown file with the system prompt, relative to the stack file.
    pub(crate) system_file: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) sampling: SamplingDocument,
    pub(crate) thinking: Option<bool>,
}

/// The `sampling` table of an agent: the keys of [`harmonic_types::Sampling`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SamplingDocument {
    pub(crate) temperature: Option<Spanned<f32>>,
    pub(crate) top_k: Option<Spanned<i64>>,
    pub(crate) top_p: Option<Spanned<f32>>,
    pub(crate) min_p: Option<Spanned<f32>>,
    pub(crate) repeat_penalty: Option<Spanned<f32>>,
    pub(crate) presence_penalty: Option<Spanned<f32>>,
    pub(crate) frequency_penalty: Option<Spanned<f32>>,
}

//! Types of the paths that list and describe agents, which appear as models to Ollama's clients.

use std::time::{Duration, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Ollama version of this dialect; clients compare it with the version they require.
pub const API_VERSION: &str = "0.13.0";

/// RFC 3339 form of a time in seconds since 1970.
pub fn time(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

/// Response of `GET /api/version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// [`API_VERSION`].
    pub version: String,
    /// Version of this program.
    pub harmonic: String,
}

/// Response of `GET /api/tags`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelNames {
    /// Agents, in the order of the stack.
    pub models: Vec<ListedModel>,
}

/// Agent as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedModel {
    /// Name.
    pub name: String,
    /// Name, repeated.
    pub model: String,
    /// Start time of the server.
    pub modified_at: String,
    /// Bytes of the model's weights in memory, which agents can share. Absent if the engine does
    /// not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// sha256, in lower-case hex, over everything that defines the agent's answers.
    pub digest: String,
    /// Details of the model.
    pub details: Details,
}

/// Details of an agent's model. Unknown fields are empty, because clients expect every field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Base model.
    pub parent_model: String,
    /// `gguf`.
    pub format: String,
    /// Architecture of the model.
    pub family: String,
    /// Architecture, as a list.
    pub families: Vec<String>,
    /// Number of parameters, human-readable: `134.52M`.
    pub parameter_size: String,
    /// Predominant weight format: `Q4_1`.
    pub quantization_level: String,
}

/// Response of `GET /api/ps`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningModels {
    /// Agents whose engines can serve.
    pub models: Vec<RunningModel>,
}

/// Agent that can serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningModel {
    /// Name.
    pub name: String,
    /// Name, repeated.
    pub model: String,
    /// As in [`ListedModel::size`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Bytes of the weights in accelerator memory.
    pub size_vram: u64,
    /// As in [`ListedModel::digest`].
    pub digest: String,
    /// Details of the model.
    pub details: Details,
    /// Unload time of the weights: never, expressed by a distant year.
    pub expires_at: String,
    /// Context per request in tokens, prompt and answer together.
    pub context_length: u32,
}

/// Body of `POST /api/show`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaShow")]
pub struct ShowBody {
    /// Agent name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Older name of `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Response of `POST /api/show`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownModel {
    /// Start time of the server.
    pub modified_at: String,
    /// Details of the model.
    pub details: Details,
    /// Agent as a Modelfile; weights are referenced by name.
    pub modelfile: String,
    /// Sampling and context, one option per line.
    pub parameters: String,
    /// Chat template in Jinja; empty if unknown.
    pub template: String,
    /// System prompt of the agent.
    pub system: String,
    /// Licence of the model; empty if unknown.
    pub license: String,
    /// `general.architecture` and, under its value, `.context_length` (the agent's) and others.
    pub model_info: Map<String, Value>,
    /// `completion`, `tools`, and `thinking` if the template supports it.
    pub capabilities: Vec<String>,
}

/// Model name of a body: `model`, or its older name `name`. Ollama's own client sends an empty
/// `model` with `name`.
pub fn model_or_name(model: Option<String>, name: Option<String>) -> String {
    let given = |name: Option<String>| name.filter(|name| !name.is_empty());
    given(model).or(given(name)).unwrap_or_default()
}

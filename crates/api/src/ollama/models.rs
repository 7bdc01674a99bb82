//! What the paths that list and describe agents say: to Ollama's clients an agent is a model.

use std::time::{Duration, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version of Ollama whose dialect this is: clients compare it with what they need.
pub const API_VERSION: &str = "0.13.0";

/// A moment, in seconds since 1970, as the dialect writes it.
pub fn time(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

/// The answer of `GET /api/version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// [`API_VERSION`].
    pub version: String,
    /// The version of this program.
    pub harmonic: String,
}

/// The answer of `GET /api/tags`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelNames {
    /// The agents, in the order of the stack.
    pub models: Vec<ListedModel>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedModel {
    /// Its name.
    pub name: String,
    /// Its name, again.
    pub model: String,
    /// When the server started.
    pub modified_at: String,
    /// Bytes of its model's weights in memory; agents can share them. Absent where the engine
    /// cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// sha256 in lower-case hex over all that defines the agent's answers.
    pub digest: String,
    /// What it is made of.
    pub details: Details,
}

/// What an agent is made of. What is not known is empty: clients expect every field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Base model.
    pub parent_model: String,
    /// `gguf`.
    pub format: String,
    /// Architecture of the model.
    pub family: String,
    /// The same, in a list.
    pub families: Vec<String>,
    /// Number of parameters, for people: `134.52M`.
    pub parameter_size: String,
    /// Predominant format of the weights: `Q4_1`.
    pub quantization_level: String,
}

/// The answer of `GET /api/ps`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningModels {
    /// The agents whose engines can serve.
    pub models: Vec<RunningModel>,
}

/// One agent that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningModel {
    /// Its name.
    pub name: String,
    /// Its name, again.
    pub model: String,
    /// As in [`ListedModel::size`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Bytes of them in the memory of an accelerator.
    pub size_vram: u64,
    /// As in [`ListedModel::digest`].
    pub digest: String,
    /// What it is made of.
    pub details: Details,
    /// When its weights are unloaded: never, which the dialect says with a year that is far away.
    pub expires_at: String,
    /// Tokens that one request can use, prompt and answer together.
    pub context_length: u32,
}

/// The body of `POST /api/show`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaShow")]
pub struct ShowBody {
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The older name of `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The answer of `POST /api/show`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownModel {
    /// When the server started.
    pub modified_at: String,
    /// What it is made of.
    pub details: Details,
    /// The agent as a Modelfile; its weights go by their name.
    pub modelfile: String,
    /// Sampling and context, an option a line.
    pub parameters: String,
    /// The chat template, which is Jinja; empty where it is not known.
    pub template: String,
    /// The agent's system prompt.
    pub system: String,
    /// The model's licence; empty where it is not known.
    pub license: String,
    /// `general.architecture` and, after its value, `.context_length` (the agent's) and others.
    pub model_info: Map<String, Value>,
    /// `completion`, `tools`, and `thinking` where the template knows of it.
    pub capabilities: Vec<String>,
}

/// The name that a body gives as `model`, or by its older name `name`: Ollama's own client sends
/// an empty `model` beside `name`.
pub fn model_or_name(model: Option<String>, name: Option<String>) -> String {
    let given = |name: Option<String>| name.filter(|name| !name.is_empty());
    given(model).or(given(name)).unwrap_or_default()
}

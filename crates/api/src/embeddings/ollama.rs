//! Bodies of Ollama's `POST /api/embed`, and of its older `POST /api/embeddings`.

use harmonic_types::EmbeddingInput;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::EmbeddingsEncoder;
use super::{ParsedEmbeddings, count, dimensions};
use crate::ignored::Ignored;
use crate::ollama::keep_alive;
use crate::validation_error::ValidationError;
use crate::{body, checks, schema};

/// Body of `POST /api/embed`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Embed", extend("required" = ["model"]))]
pub struct EmbedBody {
    /// Agent name, with or without `:latest`; empty if absent.
    #[serde(default)]
    pub model: String,
    /// A text or a list of texts, at most 2,048. None, or an empty text alone, checks whether the
    /// agent is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::texts")]
    pub input: Option<Value>,
    /// Whether a text longer than the agent's context is cut at its end; otherwise it is refused.
    /// Absent means cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate: Option<bool>,
    /// Dimensions of the vectors: the model's, or fewer where the model was trained for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub dimensions: Option<u32>,
    /// Validated, without effect: the plan determines what is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ollama_keep_alive")]
    pub keep_alive: Option<Value>,
    /// Without effect: embeddings have no sampling, and the plan has the context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Map<String, Value>>,
}

/// Body of `POST /api/embeddings`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OlderEmbed", extend("required" = ["model"]))]
pub struct OlderEmbedBody {
    /// Agent name, with or without `:latest`; empty if absent.
    #[serde(default)]
    pub model: String,
    /// The text. None, or an empty one, checks whether the agent is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Validated, without effect: the plan determines what is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ollama_keep_alive")]
    pub keep_alive: Option<Value>,
    /// Without effect: embeddings have no sampling, and the plan has the context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Map<String, Value>>,
}

/// Parses a body of `POST /api/embed`.
///
/// # Errors
/// As [`body::read`], and [`ValidationError::Value`] for a value out of range.
pub fn parse_embed(body: &[u8]) -> Result<ParsedEmbeddings, ValidationError> {
    let (body, mut ignored): (EmbedBody, _) = body::read_noting(body, &[])?;
    let texts = match body.input {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => {
            count(items.len())?;
            items.into_iter().map(text).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(not_text()),
    };
    keep_alive(body.keep_alive.as_ref(), texts.is_empty())?;
    note(&mut ignored, body.options);
    let encoder = EmbeddingsEncoder::Ollama { model: body.model.clone() };
    Ok(ParsedEmbeddings {
        agent: checks::agent(body.model)?,
        inputs: inputs("input", texts)?,
        truncate: body.truncate.unwrap_or(true),
        dimensions: dimensions(body.dimensions)?,
        ignored,
        encoder,
    })
}

/// Parses a body of `POST /api/embeddings`.
///
/// # Errors
/// As [`parse_embed`].
pub fn parse_older_embed(body: &[u8]) -> Result<ParsedEmbeddings, ValidationError> {
    let (body, mut ignored): (OlderEmbedBody, _) = body::read_noting(body, &[])?;
    let text = body.prompt.filter(|text| !text.is_empty());
    keep_alive(body.keep_alive.as_ref(), text.is_none())?;
    note(&mut ignored, body.options);
    Ok(ParsedEmbeddings {
        agent: checks::agent(body.model)?,
        inputs: inputs("prompt", text.into_iter().collect())?,
        truncate: true,
        dimensions: None,
        ignored,
        encoder: EmbeddingsEncoder::OlderOllama,
    })
}

fn inputs(param: &str, texts: Vec<String>) -> Result<Vec<EmbeddingInput>, ValidationError> {
    let input = |text: String| {
        checks::no_nul(param, &text)?;
        Ok(EmbeddingInput::Text(text))
    };
    texts.into_iter().map(input).collect()
}

fn text(item: Value) -> Result<String, ValidationError> {
    match item {
        Value::String(text) => Ok(text),
        _ => Err(not_text()),
    }
}

fn not_text() -> ValidationError {
    ValidationError::value("input", "must be a text or a list of texts")
}

/// Notes the options, which have no effect.
fn note(ignored: &mut Ignored, options: Option<Map<String, Value>>) {
    for name in options.unwrap_or_default().keys() {
        ignored.unread(&format!("options.{name}"));
    }
}

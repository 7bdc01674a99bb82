//! Request bodies for embeddings, in OpenAI's dialect and in Ollama's.
//!
//! No engine computes embeddings yet. Bodies are read and validated as if one did, so that a
//! client's mistake is reported before the missing feature.

use harmonic_types::AgentName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::validation_error::ValidationError;
use crate::{checks, schema};

/// Body of `POST /v1/embeddings`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Embeddings", extend("required" = ["model", "input"]))]
pub struct EmbeddingsBody {
    /// Agent name; empty if absent.
    #[serde(default)]
    pub model: String,
    /// A text or a list of texts; or the token ids of one or several texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::embeddings")]
    pub input: Option<Value>,
    /// `float` or `base64`; absent means `float`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["float", "base64", null]))]
    pub encoding_format: Option<String>,
    /// Dimensions of the embedding, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub dimensions: Option<u32>,
}

/// Body of Ollama's `POST /api/embed`, and of the older `POST /api/embeddings`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Embed", extend("required" = ["model"]))]
pub struct EmbedBody {
    /// Agent name, with or without `:latest`; empty if absent.
    #[serde(default)]
    pub model: String,
    /// A text or a list of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::texts")]
    pub input: Option<Value>,
    /// Older name of `input`, for a single text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Dimensions of the embedding, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub dimensions: Option<u32>,
}

/// Agent named by a validated body.
///
/// # Errors
/// [`ValidationError::Value`] for a value out of range.
pub fn decode_embeddings(body: EmbeddingsBody) -> Result<AgentName, ValidationError> {
    let agent = checks::agent(body.model)?;
    let of_ids = |items: &[Value]| items.iter().all(Value::is_u64);
    let is_valid = match &body.input {
        Some(Value::Array(items)) if !items.is_empty() => {
            of_ids(items)
                || items.iter().all(is_text)
                || items
                    .iter()
                    .all(|item| item.as_array().is_some_and(|ids| !ids.is_empty() && of_ids(ids)))
        }
        input => input.as_ref().is_some_and(is_text),
    };
    if !is_valid {
        let reason = "must be a text, a list of texts, or the token ids of one or several";
        return Err(ValidationError::value("input", reason));
    }
    if !matches!(body.encoding_format.as_deref(), None | Some("float" | "base64")) {
        return Err(ValidationError::value("encoding_format", "must be `float` or `base64`"));
    }
    dimensions(body.dimensions)?;
    Ok(agent)
}

/// Agent named by a validated body.
///
/// # Errors
/// [`ValidationError::Value`] for a value out of range.
pub fn decode_embed(body: EmbedBody) -> Result<AgentName, ValidationError> {
    let agent = checks::agent(body.model)?;
    let is_valid = match &body.input {
        None | Some(Value::Null) => body.prompt.is_some(),
        Some(Value::Array(items)) => !items.is_empty() && items.iter().all(is_text),
        Some(input) => is_text(input),
    };
    if !is_valid {
        return Err(ValidationError::value("input", "must be a text or a list of texts"));
    }
    dimensions(body.dimensions)?;
    Ok(agent)
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn dimensions(dimensions: Option<u32>) -> Result<(), ValidationError> {
    match dimensions {
        Some(0) => Err(ValidationError::value("dimensions", "must be at least 1")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::body::read;

    #[test]
    fn embedding_inputs_are_validated() {
        let decoded = |input: Value| {
            let body = json!({"model": "coder", "input": input}).to_string();
            let openai = read(body.as_bytes()).and_then(decode_embeddings).is_ok();
            let ollama = read(body.as_bytes()).and_then(decode_embed).is_ok();
            (openai, ollama)
        };
        assert_eq!(decoded(json!("hi")), (true, true));
        assert_eq!(decoded(json!(["hi", "there"])), (true, true));
        assert_eq!(decoded(json!([1, 2])), (true, false));
        assert_eq!(decoded(json!([[1], [2, 3]])), (true, false));
        for nothing in [json!(null), json!(""), json!([]), json!([[]]), json!({}), json!([1, "a"])]
        {
            assert_eq!(decoded(nothing.clone()), (false, false), "{nothing}");
        }
        let older = EmbedBody {
            model: "coder:latest".to_owned(),
            prompt: Some("hi".to_owned()),
            ..EmbedBody::default()
        };
        assert_eq!(decode_embed(older), Ok("coder".into()));
    }
}

//! Bodies that ask for embeddings, in OpenAI's dialect and in Ollama's.
//!
//! No engine makes embeddings yet: a body is read and checked as if one did, so that a client's
//! mistake is told before the server's limit.

use harmonic_types::AgentName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::invalid::Invalid;
use crate::{checks, schema};

/// The body of `POST /v1/embeddings`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Embeddings", extend("required" = ["model", "input"]))]
pub struct EmbeddingsBody {
    /// The agent's name; empty when the body has none.
    #[serde(default)]
    pub model: String,
    /// A text or a list of texts; or, of one text or of several, the token ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::embeddings")]
    pub input: Option<Value>,
    /// `float` or `base64`; absent is `float`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["float", "base64", null]))]
    pub encoding_format: Option<String>,
    /// Numbers per embedding, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub dimensions: Option<u32>,
}

/// The body of Ollama's `POST /api/embed`, and of the older `POST /api/embeddings`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Embed", extend("required" = ["model"]))]
pub struct EmbedBody {
    /// The agent's name, `:latest` at its end or not; empty when the body has none.
    #[serde(default)]
    pub model: String,
    /// A text or a list of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::texts")]
    pub input: Option<Value>,
    /// The older name of `input`, of one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Numbers per embedding, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub dimensions: Option<u32>,
}

/// The agent whose embeddings `body` asks for.
///
/// # Errors
/// [`Invalid::Value`] for a value out of range.
pub fn decode_embeddings(body: EmbeddingsBody) -> Result<AgentName, Invalid> {
    let agent = checks::agent(body.model)?;
    let of_ids = |items: &[Value]| items.iter().all(Value::is_u64);
    let fine = match &body.input {
        Some(Value::Array(items)) if !items.is_empty() => {
            of_ids(items)
                || items.iter().all(is_text)
                || items
                    .iter()
                    .all(|item| item.as_array().is_some_and(|ids| !ids.is_empty() && of_ids(ids)))
        }
        input => input.as_ref().is_some_and(is_text),
    };
    if !fine {
        let reason = "must be a text, a list of texts, or the token ids of one or several";
        return Err(Invalid::value("input", reason));
    }
    if !matches!(body.encoding_format.as_deref(), None | Some("float" | "base64")) {
        return Err(Invalid::value("encoding_format", "must be `float` or `base64`"));
    }
    dimensions(body.dimensions)?;
    Ok(agent)
}

/// The agent whose embeddings `body` asks for.
///
/// # Errors
/// [`Invalid::Value`] for a value out of range.
pub fn decode_embed(body: EmbedBody) -> Result<AgentName, Invalid> {
    let agent = checks::agent(body.model)?;
    let fine = match &body.input {
        None | Some(Value::Null) => body.prompt.is_some(),
        Some(Value::Array(items)) => !items.is_empty() && items.iter().all(is_text),
        Some(input) => is_text(input),
    };
    if !fine {
        return Err(Invalid::value("input", "must be a text or a list of texts"));
    }
    dimensions(body.dimensions)?;
    Ok(agent)
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn dimensions(dimensions: Option<u32>) -> Result<(), Invalid> {
    match dimensions {
        Some(0) => Err(Invalid::value("dimensions", "must be at least 1")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::body::read;

    #[test]
    fn what_can_be_embedded() {
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

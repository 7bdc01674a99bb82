//! Body of `POST /v1/embeddings`.

use harmonic_types::EmbeddingInput;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::EmbeddingsEncoder;
use super::{ParsedEmbeddings, count, dimensions};
use crate::validation_error::ValidationError;
use crate::{body, checks, schema};

/// Fields without an effect on the answer.
const WITHOUT_EFFECT: &[&str] = &["user"];

/// Body of `POST /v1/embeddings`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Embeddings", extend("required" = ["model", "input"]))]
pub struct EmbeddingsBody {
    /// Agent name; empty if absent.
    #[serde(default)]
    pub model: String,
    /// A text or a list of texts; or the token ids of one or several texts, in the vocabulary of the
    /// agent's model. At most 2,048, none of them empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::embeddings")]
    pub input: Option<Value>,
    /// `float`, or `base64` of 32-bit little-endian numbers; absent means `float`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["float", "base64", null]))]
    pub encoding_format: Option<String>,
    /// Dimensions of the vectors: the model's, or fewer where the model was trained for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub dimensions: Option<u32>,
}

/// Parses a body.
///
/// # Errors
/// As [`body::read`], and [`ValidationError::Value`] for a value out of range.
pub fn parse_embeddings(body: &[u8]) -> Result<ParsedEmbeddings, ValidationError> {
    let (body, ignored): (EmbeddingsBody, _) = body::read_noting(body, WITHOUT_EFFECT)?;
    let model = body.model.clone();
    let agent = checks::agent(body.model)?;
    let inputs = inputs(body.input)?;
    let base64 = match body.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => {
            return Err(ValidationError::value("encoding_format", "must be `float` or `base64`"));
        }
    };
    let encoder = EmbeddingsEncoder::OpenAi { model, base64 };
    let dimensions = dimensions(body.dimensions)?;
    Ok(ParsedEmbeddings { agent, inputs, truncate: false, dimensions, ignored, encoder })
}

fn inputs(input: Option<Value>) -> Result<Vec<EmbeddingInput>, ValidationError> {
    let invalid = || {
        let reason = "must be a text, a list of texts, or the token ids of one or several; none of \
                      them empty";
        ValidationError::value("input", reason)
    };
    let items = match input {
        Some(Value::Array(items)) if !items.is_empty() => items,
        Some(text @ Value::String(_)) => vec![text],
        _ => return Err(invalid()),
    };
    if items[0].is_number() {
        return Ok(vec![EmbeddingInput::Tokens(ids(&items, invalid)?)]);
    }
    count(items.len())?;
    let input = |item: Value| match item {
        Value::String(text) if !text.is_empty() => {
            checks::no_nul("input", &text)?;
            Ok(EmbeddingInput::Text(text))
        }
        Value::Array(items) if !items.is_empty() => {
            ids(&items, invalid).map(EmbeddingInput::Tokens)
        }
        _ => Err(invalid()),
    };
    let inputs: Vec<EmbeddingInput> = items.into_iter().map(input).collect::<Result<_, _>>()?;
    let is_text = |input: &EmbeddingInput| matches!(input, EmbeddingInput::Text(_));
    if inputs.iter().any(is_text) && !inputs.iter().all(is_text) {
        return Err(invalid());
    }
    Ok(inputs)
}

/// Token ids; the engine knows which its vocabulary has. `invalid` is the error of what is none.
fn ids(
    items: &[Value],
    invalid: impl Fn() -> ValidationError,
) -> Result<Vec<u32>, ValidationError> {
    let id = |item: &Value| {
        let id = item.as_u64().ok_or_else(&invalid)?;
        u32::try_from(id).map_err(|_| {
            let reason = format!("has the token id {id}, which is beyond any vocabulary");
            ValidationError::value("input", reason)
        })
    };
    items.iter().map(id).collect()
}

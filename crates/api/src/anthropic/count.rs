//! `POST /v1/messages/count_tokens`: number of tokens of a prompt.

use std::borrow::Cow;

use harmonic_types::{Request, RequestId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::decode::decode_naming;
use super::request::MessagesBody;
use crate::features::FeatureFields;
use crate::validation_error::ValidationError;

/// Body: that of a request, with `max_tokens` optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CountBody(MessagesBody);

impl JsonSchema for CountBody {
    fn schema_name() -> Cow<'static, str> {
        "AnthropicCount".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = MessagesBody::json_schema(generator);
        schema.insert("required".to_owned(), ["model", "messages"].as_slice().into());
        schema
    }
}

/// Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCount {
    /// Tokens of the prompt, including the agent's system prompt.
    pub input_tokens: u32,
}

/// Request whose prompt is counted, and the names of its fields that require optional engine
/// features.
///
/// # Errors
/// As [`super::decode()`].
pub fn decode_count(
    CountBody(mut body): CountBody,
) -> Result<(Request, FeatureFields), ValidationError> {
    body.max_tokens.get_or_insert(1);
    let mut fields = FeatureFields::default();
    Ok((decode_naming(body, RequestId(0), &mut fields)?, fields))
}

//! `POST /v1/messages/count_tokens`: how long a prompt is.

use std::borrow::Cow;

use harmonic_types::{Request, RequestId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::decode::decode_naming;
use super::request::MessagesBody;
use crate::features::FeatureFields;
use crate::invalid::Invalid;

/// The body: that of a request, whose `max_tokens` may be missing.
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

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCount {
    /// Tokens of the prompt, the agent's system prompt included.
    pub input_tokens: u32,
}

/// The request whose prompt is to be counted, and its fields that ask for what not every engine can
/// do.
///
/// # Errors
/// As [`super::decode()`].
pub fn decode_count(CountBody(mut body): CountBody) -> Result<(Request, FeatureFields), Invalid> {
    body.max_tokens.get_or_insert(1);
    let mut fields = FeatureFields::default();
    Ok((decode_naming(body, RequestId(0), &mut fields)?, fields))
}

//! Error envelope.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// `{"error": {…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<'a> {
    /// Error.
    #[serde(borrow)]
    pub error: ErrorBody<'a>,
}

/// Error as expected by OpenAI's clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody<'a> {
    /// Message with the cause and the expected value.
    pub message: Cow<'a, str>,
    /// Class, such as `invalid_request_error`.
    #[serde(rename = "type", default)]
    pub kind: Cow<'a, str>,
    /// Invalid field; null if there is none.
    #[serde(default)]
    pub param: Option<Cow<'a, str>>,
    /// Code for programs; null if there is none. Numbers, as sent by llama-server, are dropped.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub code: Option<Cow<'a, str>>,
}

fn text_or_nothing<'de, 'a, D>(deserializer: D) -> Result<Option<Cow<'a, str>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(|text| Cow::Owned(text.to_owned())))
}

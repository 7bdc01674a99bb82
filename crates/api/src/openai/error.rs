//! The envelope in which every failure travels.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// `{"error": {…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<'a> {
    /// The error.
    #[serde(borrow)]
    pub error: ErrorBody<'a>,
}

/// One error as clients of OpenAI expect it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody<'a> {
    /// For people: what is wrong and what would be right.
    pub message: Cow<'a, str>,
    /// Class, such as `invalid_request_error`.
    #[serde(rename = "type", default)]
    pub kind: Cow<'a, str>,
    /// The field at fault; null where there is none.
    #[serde(default)]
    pub param: Option<Cow<'a, str>>,
    /// For programs; null where there is none. Numbers, which llama-server sends, are dropped.
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

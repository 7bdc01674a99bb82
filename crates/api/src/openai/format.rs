//! The form of an answer on the wire: OpenAI's `response_format`, and vLLM's `structured_outputs`
//! for what OpenAI's API cannot say.

use harmonic_types::Format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::invalid::Invalid;
use crate::object;

/// `response_format`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiResponseFormat")]
pub struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`; empty when the body has none.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Only with `json_schema`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub json_schema: Option<NamedSchema>,
}

/// A JSON Schema as OpenAI wraps it. Its `strict` is not listed: a schema is always enforced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiNamedSchema")]
pub struct NamedSchema {
    /// For the client; OpenAI demands it, this server does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub schema: Option<Value>,
}

/// `structured_outputs`: one of its fields. Others, which vLLM knows, are refused: JSON has
/// `response_format`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiStructuredOutputs")]
#[serde(deny_unknown_fields)]
pub struct StructuredOutputs {
    /// A regular expression in the syntax of Rust's `regex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// A grammar in llguidance's dialect of Lark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar: Option<String>,
}

/// The fields of a body that ask for `format`.
pub(super) fn encode(format: &Format) -> (Option<ResponseFormat>, Option<StructuredOutputs>) {
    let response = |kind: &str, json_schema| {
        (Some(ResponseFormat { kind: kind.to_owned(), json_schema }), None)
    };
    let structured = |regex: Option<&String>, grammar: Option<&String>| {
        (None, Some(StructuredOutputs { regex: regex.cloned(), grammar: grammar.cloned() }))
    };
    match format {
        Format::JsonObject => response("json_object", None),
        Format::JsonSchema(text) => {
            // Text that is no JSON is sent as it is, for the server to refuse.
            let schema = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
            let named = NamedSchema { name: Some("answer".to_owned()), schema: Some(schema) };
            response("json_schema", Some(named))
        }
        Format::Regex(regex) => structured(Some(regex), None),
        Format::Grammar(grammar) => structured(None, Some(grammar)),
    }
}

/// The form that both fields of a body ask for.
pub(super) fn decode(
    response: Option<ResponseFormat>,
    structured: Option<StructuredOutputs>,
) -> Result<Option<Format>, Invalid> {
    let structured = structured.map(from_structured).transpose()?.flatten();
    match (response.map(from_response).transpose()?.flatten(), structured) {
        (Some(_), Some(_)) => Err(Invalid::value(
            "structured_outputs",
            "and `response_format` both ask for a form: give one of them",
        )),
        (response, structured) => Ok(response.or(structured)),
    }
}

fn from_response(response: ResponseFormat) -> Result<Option<Format>, Invalid> {
    let ResponseFormat { kind, json_schema } = response;
    match kind.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(Format::JsonObject)),
        "json_schema" => {
            let param = "response_format.json_schema.schema";
            match json_schema.and_then(|named| named.schema) {
                Some(schema @ (Value::Object(_) | Value::Bool(_))) => {
                    Ok(Some(Format::JsonSchema(schema.to_string())))
                }
                Some(_) => Err(Invalid::value(param, "must be a JSON Schema: an object")),
                None => Err(Invalid::value(param, "is missing")),
            }
        }
        other => Err(Invalid::value(
            "response_format.type",
            format!("is `{other}`, but must be `text`, `json_object` or `json_schema`"),
        )),
    }
}

fn from_structured(structured: StructuredOutputs) -> Result<Option<Format>, Invalid> {
    match (structured.regex, structured.grammar) {
        (Some(_), Some(_)) => {
            Err(Invalid::value("structured_outputs", "asks for two forms: give one of them"))
        }
        (regex, grammar) => Ok(regex.map(Format::Regex).or(grammar.map(Format::Grammar))),
    }
}

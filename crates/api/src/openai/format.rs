//! Output format: OpenAI's `response_format`, and vLLM's `structured_outputs` for formats that
//! OpenAI's API lacks.

use harmonic_types::Format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::format_aliases::{self, FormatAliases};
use crate::object;
use crate::validation_error::ValidationError;

/// `response_format`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiResponseFormat")]
pub struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`; empty if absent.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Only with `json_schema`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub json_schema: Option<NamedSchema>,
    /// Schema next to `json_object` or `json_schema`, as in llama-server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub schema: Option<Value>,
    /// As `schema`, as in Text Generation Inference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub value: Option<Value>,
}

/// JSON Schema as wrapped by OpenAI. Its `strict` is not read: a schema is always enforced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiNamedSchema")]
pub struct NamedSchema {
    /// Name for the client; optional here, required by OpenAI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// JSON Schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub schema: Option<Value>,
}

/// `structured_outputs`: one of its fields. Other fields of vLLM are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiStructuredOutputs")]
#[serde(deny_unknown_fields)]
pub struct StructuredOutputs {
    /// Regular expression in the syntax of Rust's `regex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Grammar in llguidance's dialect of Lark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar: Option<String>,
    /// One of these texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<Vec<String>>,
    /// JSON Schema, or its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub json: Option<Value>,
    /// Any JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_object: Option<bool>,
}

/// Body fields that decode to `format`.
pub(crate) fn encode(format: &Format) -> (Option<ResponseFormat>, Option<StructuredOutputs>) {
    let response = |kind: &str, json_schema| {
        let kind = kind.to_owned();
        (Some(ResponseFormat { kind, json_schema, ..ResponseFormat::default() }), None)
    };
    let structured = |regex: Option<&String>, grammar: Option<&String>| {
        let (regex, grammar) = (regex.cloned(), grammar.cloned());
        (None, Some(StructuredOutputs { regex, grammar, ..StructuredOutputs::default() }))
    };
    match format {
        Format::JsonObject => response("json_object", None),
        Format::JsonSchema(text) => {
            // Invalid JSON is sent as a string, which the server refuses.
            let schema = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
            let named = NamedSchema { name: Some("answer".to_owned()), schema: Some(schema) };
            response("json_schema", Some(named))
        }
        Format::Regex(regex) => structured(Some(regex), None),
        Format::Grammar(grammar) => structured(None, Some(grammar)),
    }
}

/// Output format of a body, and the name of the field that sets it.
pub(crate) fn decode(
    response: Option<ResponseFormat>,
    structured: Option<StructuredOutputs>,
    format_aliases: FormatAliases,
) -> Result<Option<(&'static str, Format)>, ValidationError> {
    let response = response.map(from_response).transpose()?.flatten();
    let mut formats: Vec<_> =
        response.map(|format| ("response_format", format)).into_iter().collect();
    let structured = structured.map(from_structured).transpose()?.flatten();
    formats.extend(structured.map(|format| ("structured_outputs", format)));
    formats.extend(format_aliases::decode(format_aliases)?);
    let mut formats = formats.into_iter();
    match (formats.next(), formats.next()) {
        (Some((one, _)), Some((other, _))) => Err(ValidationError::value(
            other,
            format!("and `{one}` both set a format: use one of them"),
        )),
        (format, _) => Ok(format),
    }
}

fn from_response(response: ResponseFormat) -> Result<Option<Format>, ValidationError> {
    let ResponseFormat { kind, json_schema, schema, value } = response;
    let adjacent = match (schema, value) {
        (Some(_), Some(_)) => {
            let reason = "and `response_format.schema` both set a format: use one of them";
            return Err(ValidationError::value("response_format.value", reason));
        }
        (Some(schema), None) => Some(("response_format.schema", schema)),
        (None, value) => value.map(|value| ("response_format.value", value)),
    };
    match (kind.as_str(), adjacent) {
        ("text", None) => Ok(None),
        ("json_object" | "json", None) => Ok(Some(Format::JsonObject)),
        ("json_object" | "json", Some((param, schema))) => {
            format_aliases::json(param, schema).map(Some)
        }
        ("regex", Some((_, Value::String(regex)))) => Ok(Some(Format::Regex(regex))),
        ("json_schema", adjacent) => {
            let param = "response_format.json_schema.schema";
            let named = json_schema.and_then(|named| named.schema).map(|schema| (param, schema));
            match named.or(adjacent) {
                Some((_, schema @ (Value::Object(_) | Value::Bool(_)))) => {
                    Ok(Some(Format::JsonSchema(schema.to_string())))
                }
                Some((param, _)) => {
                    Err(ValidationError::value(param, "must be a JSON Schema: an object"))
                }
                None => Err(ValidationError::value(param, "is missing")),
            }
        }
        ("text", Some((param, _))) => {
            Err(ValidationError::value(param, "is only for `json_object` and `json_schema`"))
        }
        (other, _) => Err(ValidationError::value(
            "response_format.type",
            format!("is `{other}`, but must be `text`, `json_object` or `json_schema`"),
        )),
    }
}

fn from_structured(structured: StructuredOutputs) -> Result<Option<Format>, ValidationError> {
    let StructuredOutputs { regex, grammar, choice, json, json_object } = structured;
    let mut formats = Vec::new();
    formats.extend(regex.map(Format::Regex));
    if let Some(text) = grammar {
        formats.push(format_aliases::grammar("structured_outputs.grammar", text)?);
    }
    if let Some(words) = choice {
        formats.push(format_aliases::choice("structured_outputs.choice", &words)?);
    }
    if let Some(schema) = json {
        formats.push(format_aliases::json("structured_outputs.json", schema)?);
    }
    formats.extend((json_object == Some(true)).then_some(Format::JsonObject));
    if formats.len() > 1 {
        return Err(ValidationError::value(
            "structured_outputs",
            "sets two formats: use one of them",
        ));
    }
    Ok(formats.pop())
}

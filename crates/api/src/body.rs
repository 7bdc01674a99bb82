//! Deserialisation of JSON request bodies, for all dialects.
//!
//! Invariants: a body is exactly one JSON object; errors of type name the path of the field;
//! nesting beyond serde's limit is an error, never a stack overflow.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::ignored::Ignored;
use crate::object::Object;
use crate::validation_error::ValidationError;

/// Deserialises a body.
///
/// # Errors
/// [`ValidationError::Json`] for invalid JSON, [`ValidationError::Type`] for a field of the wrong
/// type.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ValidationError> {
    read_noting(body, &[]).map(|(request, _)| request)
}

/// Deserialises a body and records the fields that are not read, except those in `without_effect`:
/// paths without list indices, or `*.name`.
///
/// # Errors
/// As [`read`].
pub fn read_noting<T: DeserializeOwned>(
    body: &[u8],
    without_effect: &[&str],
) -> Result<(T, Ignored), ValidationError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut ignored = Ignored::default();
    let mut note = |path: serde_ignored::Path<'_>| ignored.field(&path, without_effect);
    let noting = serde_ignored::Deserializer::new(&mut json, &mut note);
    let Object(request) = serde_path_to_error::deserialize(noting).map_err(
        |error: serde_path_to_error::Error<serde_json::Error>| {
            let path = error.path().to_string();
            let reason = error.inner().to_string();
            match error.inner().classify() {
                Category::Data => {
                    let param = (path != ".").then_some(path);
                    ValidationError::Type { param, reason }
                }
                Category::Io | Category::Syntax | Category::Eof => ValidationError::Json { reason },
            }
        },
    )?;
    json.end().map_err(|error| ValidationError::Json { reason: error.to_string() })?;
    match ignored.format_field() {
        Some(name) => Err(ValidationError::unsupported(name, replacement_for(name))),
        None => Ok((request, ignored)),
    }
}

/// Field names under which different servers accept an output format. If a path does not support
/// one, the answer would not have the format that the client relies on, so the body is refused.
pub(crate) const FORMAT_FIELDS: [&str; 12] = [
    "response_format",
    "structured_outputs",
    "json_schema",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "regex",
    "grammar",
    "ebnf",
    "structural_tag",
    "guided_whitespace_pattern",
];

/// Replacement for a format field of this name.
fn replacement_for(name: &str) -> &'static str {
    match name {
        "grammar" | "ebnf" => {
            ": in chats, send a grammar in llguidance's Lark as `structured_outputs.grammar`"
        }
        "structural_tag" => ": use `tools`",
        "guided_whitespace_pattern" => ": leave it out",
        _ => {
            " on this path: chats take a form as `response_format`, responses as `text.format`, \
             Ollama's paths as `format`, Anthropic's as `output_config.format`"
        }
    }
}

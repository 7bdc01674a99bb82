//! A request's body as JSON, in any dialect.
//!
//! Invariants: a body is one object and nothing after it; what has the wrong type is refused by
//! the path of the field; nesting past serde's limit is an error, never an overflow of the stack.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::ignored::Ignored;
use crate::invalid::Invalid;
use crate::object::Object;

/// Reads a body.
///
/// # Errors
/// [`Invalid::Json`] when it is not JSON, [`Invalid::Type`] when a field has the wrong type.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Invalid> {
    read_noting(body, &[]).map(|(request, _)| request)
}

/// Reads a body, and notes which of its fields nothing here reads, but for those that
/// `without_effect` lists: their paths without the numbers of list items, or `*.name`.
///
/// # Errors
/// As [`read`].
pub fn read_noting<T: DeserializeOwned>(
    body: &[u8],
    without_effect: &[&str],
) -> Result<(T, Ignored), Invalid> {
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
                    Invalid::Type { param, reason }
                }
                Category::Io | Category::Syntax | Category::Eof => Invalid::Json { reason },
            }
        },
    )?;
    json.end().map_err(|error| Invalid::Json { reason: error.to_string() })?;
    match ignored.form() {
        Some(name) => Err(Invalid::unsupported(name, instead(name))),
        None => Ok((request, ignored)),
    }
}

/// Names under which one server or another takes the form of an answer. Where a path does not take
/// one, the answer would not have the form that the client relies on.
pub(crate) const FORMS: [&str; 12] = [
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

/// What to send instead of a form under this name.
fn instead(name: &str) -> &'static str {
    match name {
        "grammar" | "ebnf" => {
            ": chats take a grammar in llguidance's Lark as `structured_outputs.grammar`"
        }
        "structural_tag" => ": use `tools`",
        "guided_whitespace_pattern" => ": leave it out",
        _ => {
            " on this path: chats take a form as `response_format`, responses as `text.format`, \
             Ollama's paths as `format`, Anthropic's as `output_config.format`"
        }
    }
}

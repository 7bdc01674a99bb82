//! Forms whose size is within the limits, ready to be compiled.

use harmonic_types::Format;
use llguidance::api::TopLevelGrammar;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bounds::{self, Size, SizeError};
use super::numbers;
use llguidance::JsonCompileOptions;

/// White space between JSON tokens: a space, or a line break with indentation. JSON has no limit,
/// and small models that may continue with blanks do so until the context is full.
const WHITE_SPACE: &str = r" |\n[ \t]{0,32}";

/// Reason why a format cannot be enforced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The vocabulary does not support constraints.
    #[error("cannot constrain answers of {0}: {1}")]
    Vocabulary(String, String),
    /// The schema is not JSON.
    #[error("the schema is not valid JSON: {0}")]
    Json(String),
    /// The schema of a tool's arguments cannot be enforced.
    #[error("cannot constrain calls of the tool `{tool}` to the schema of its arguments: {reason}")]
    Tool {
        /// Name of the tool.
        tool: String,
        /// Problem with the schema.
        reason: String,
    },
    /// The schema, grammar or expression is invalid or unsupported.
    #[error("cannot constrain the answer to this {kind}: {reason}")]
    Grammar {
        /// Kind of the form.
        kind: &'static str,
        /// Problem with it.
        reason: String,
    },
}

/// A form whose size is within the limits. Creating one compiles nothing.
#[derive(Clone, Debug)]
pub struct Form {
    pub(super) kind: &'static str,
    /// Names of the callable tools, in the order of [`Source::parts`].
    pub(super) tools: Vec<String>,
    pub(super) source: Source,
    pub(super) size: Size,
}

/// Input of the compiler.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) whole: TopLevelGrammar,
    /// Parts as separate grammars, compiled only to find the one at fault.
    pub(super) parts: Vec<TopLevelGrammar>,
}

impl Form {
    /// Form for `format`.
    ///
    /// # Errors
    /// [`FormatError`] if it is invalid, exceeds a limit, or cannot be satisfied.
    pub fn of(format: &Format) -> Result<Self, FormatError> {
        let (kind, measured) = match format {
            Format::JsonObject => {
                let schema = json!({"type": "object"});
                ("schema", Ok((Size::default(), json_grammar(schema))))
            }
            Format::JsonSchema(text) => ("schema", of_schema(text)?),
            Format::Grammar(lark) => {
                let grammar = || TopLevelGrammar::from_lark(lark.clone());
                ("grammar", bounds::measure_lark(lark).map(|size| (size, grammar())))
            }
            Format::Regex(regex) => {
                let grammar = || TopLevelGrammar::from_regex(regex);
                let measured = bounds::measure_pattern(regex).and_then(|size| {
                    size.check()?;
                    Ok((size, grammar()))
                });
                ("regular expression", measured)
            }
        };
        let (size, whole) =
            measured.map_err(|excess| FormatError::Grammar { kind, reason: excess.to_string() })?;
        let source = Source { whole, parts: Vec::new() };
        Ok(Self { kind, tools: Vec::new(), source, size })
    }

    /// Whether it has to be tried in a separate process before it is compiled in this one.
    pub fn is_heavy(&self) -> bool {
        !self.size.is_small()
    }

    /// Error for `reason`, which the compiler gave for `part` or for the whole form.
    pub(super) fn error(&self, part: Option<usize>, reason: String) -> FormatError {
        match part.and_then(|part| self.tools.get(part)) {
            Some(tool) => FormatError::Tool { tool: tool.clone(), reason: of_part(&reason) },
            None => FormatError::Grammar { kind: self.kind, reason },
        }
    }
}

fn of_schema(text: &str) -> Result<Result<(Size, TopLevelGrammar), SizeError>, FormatError> {
    let bytes = Size { bytes: text.len(), ..Size::default() };
    if let Err(excess) = bytes.check() {
        return Ok(Err(excess));
    }
    let schema: Value =
        serde_json::from_str(text).map_err(|error| FormatError::Json(error.to_string()))?;
    let measured = bounds::measure_schema(&schema).map(|size| bytes.with(size));
    Ok(measured.map(|size| (size, json_grammar(schema))))
}

/// Reason without the position in the generated grammar, which the client has not written.
fn of_part(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    line.split_once("JSON schema: ").map_or(line, |(_, reason)| reason).to_owned()
}

/// Grammar of JSON under `schema`. Compiler options in the schema are overwritten: white space is
/// bounded, and schemas with unsupported keywords are rejected.
fn json_grammar(schema: Value) -> TopLevelGrammar {
    TopLevelGrammar::from_json_schema(with_options(schema))
}

/// `schema` with our compiler options and bounded numbers.
pub(super) fn with_options(mut schema: Value) -> Value {
    if schema == Value::Bool(true) {
        schema = json!({});
    }
    numbers::bound(&mut schema);
    if schema.is_object() {
        let white_space = Some(WHITE_SPACE.to_owned());
        JsonCompileOptions { whitespace_pattern: white_space, ..JsonCompileOptions::default() }
            .apply_to(&mut schema);
    }
    schema
}

//! A form that keeps the limits: what is compiled.

use harmonic_types::Format;
use llguidance::api::TopLevelGrammar;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bounds::{self, Excess, Size};
use super::numbers;
use llguidance::JsonCompileOptions;

/// White space between the tokens of JSON: a space, or a line break and its indentation. JSON has
/// no limit, and a small model that may go on with blanks does so until its context is full.
const WHITE_SPACE: &str = r" |\n[ \t]{0,32}";

/// Why a format cannot be enforced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The model's vocabulary does not allow it.
    #[error("{0} cannot be held to a format: {1}")]
    Vocabulary(String, String),
    /// A schema that is not JSON.
    #[error("the schema is not valid JSON: {0}")]
    Json(String),
    /// A tool whose arguments cannot be held to its schema.
    #[error("calls of the tool `{tool}` cannot be held to the schema of its arguments: {reason}")]
    Tool {
        /// Its name.
        tool: String,
        /// What is wrong with the schema.
        reason: String,
    },
    /// A schema, grammar or expression that is wrong, or uses what is not supported.
    #[error("the answer cannot be held to this {kind}: {reason}")]
    Grammar {
        /// Of what kind it is.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// A form whose size has been found to keep the limits. Making one compiles nothing.
#[derive(Clone, Debug)]
pub struct Form {
    pub(super) kind: &'static str,
    /// The tools of a call, in the order of [`Source::parts`].
    pub(super) tools: Vec<String>,
    pub(super) source: Source,
    pub(super) size: Size,
}

/// What a compiler reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) whole: TopLevelGrammar,
    /// Its parts, each a grammar by itself: what says which of them is wrong.
    pub(super) parts: Vec<TopLevelGrammar>,
}

impl Form {
    /// The form that `format` asks for.
    ///
    /// # Errors
    /// When it is not what it should be, exceeds a limit, or cannot be satisfied.
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

    /// Whether it is to be tried in a process of its own before it is compiled in this one.
    pub fn is_heavy(&self) -> bool {
        !self.size.is_small()
    }

    /// The error for `reason`, which the compiler gave for the part, or for the whole.
    pub(super) fn error(&self, part: Option<usize>, reason: String) -> FormatError {
        match part.and_then(|part| self.tools.get(part)) {
            Some(tool) => FormatError::Tool { tool: tool.clone(), reason: of_part(&reason) },
            None => FormatError::Grammar { kind: self.kind, reason },
        }
    }
}

fn of_schema(text: &str) -> Result<Result<(Size, TopLevelGrammar), Excess>, FormatError> {
    let bytes = Size { bytes: text.len(), ..Size::default() };
    if let Err(excess) = bytes.check() {
        return Ok(Err(excess));
    }
    let schema: Value =
        serde_json::from_str(text).map_err(|error| FormatError::Json(error.to_string()))?;
    let measured = bounds::measure_schema(&schema).map(|size| bytes.with(size));
    Ok(measured.map(|size| (size, json_grammar(schema))))
}

/// What is wrong with the schema: without the place in a grammar that the client has not written.
fn of_part(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    line.split_once("JSON schema: ").map_or(line, |(_, reason)| reason).to_owned()
}

/// The grammar of JSON under `schema`. How white space is written is ours to say, and whether what
/// cannot be enforced is passed over is not the client's: such a schema is refused.
fn json_grammar(schema: Value) -> TopLevelGrammar {
    TopLevelGrammar::from_json_schema(with_options(schema))
}

/// `schema` with our options in it, and its numbers bounded.
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

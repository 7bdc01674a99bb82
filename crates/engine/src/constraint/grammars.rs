//! From a format to a grammar over the tokens of one vocabulary.

use std::fmt;
use std::sync::{Arc, mpsc};

use harmonic_sched::Token;
use harmonic_types::Format;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use llguidance::{JsonCompileOptions, Matcher, ParserFactory};
use serde_json::{Value, json};

use super::Constraint;
use super::worker::{self, Task};
use crate::chat::Vocabulary;

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

/// Makes grammars over one model's tokens. Building it reads the whole vocabulary.
pub struct Grammars {
    factory: ParserFactory,
    tasks: mpsc::Sender<Task>,
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammars").finish_non_exhaustive()
    }
}

impl Grammars {
    /// For `model` with `vocabulary`. Starts the thread that computes masks.
    ///
    /// # Errors
    /// [`FormatError::Vocabulary`] where the vocabulary has no end of turn, or no thread can be
    /// started.
    pub fn new(model: &str, vocabulary: &dyn Vocabulary) -> Result<Self, FormatError> {
        let failed = |reason: String| FormatError::Vocabulary(model.to_owned(), reason);
        let tokens = environment(vocabulary)
            .ok_or_else(|| failed("its vocabulary has no end of turn".to_owned()))?;
        let mut factory =
            ParserFactory::new_simple(&tokens).map_err(|error| failed(brief(&error)))?;
        factory.set_stderr_log_level(0).limits_mut().verbose_errors = false;
        let tasks = worker::start()
            .map_err(|error| failed(format!("no thread could be started: {error}")))?;
        Ok(Self { factory, tasks })
    }

    /// The constraint that holds one answer to `format`; its first mask is computed at once.
    ///
    /// # Errors
    /// When `format` is not what it should be, or asks for what cannot be enforced.
    pub fn compile(&self, format: &Format) -> Result<Constraint, FormatError> {
        let (kind, grammar) = match format {
            Format::JsonObject => ("schema", json_grammar(json!({"type": "object"}))),
            Format::JsonSchema(text) => {
                let schema = serde_json::from_str(text)
                    .map_err(|error| FormatError::Json(error.to_string()))?;
                ("schema", json_grammar(schema))
            }
            Format::Grammar(lark) => ("grammar", TopLevelGrammar::from_lark(lark.clone())),
            Format::Regex(regex) => ("regular expression", TopLevelGrammar::from_regex(regex)),
        };
        self.constraint(grammar).map_err(|reason| FormatError::Grammar { kind, reason })
    }

    /// The constraint that holds one answer to `grammar`, or why there is none.
    pub(super) fn constraint(&self, grammar: TopLevelGrammar) -> Result<Constraint, String> {
        let parser = self.factory.create_parser(grammar).map_err(|error| brief(&error))?;
        let matcher = Matcher::new(Ok(parser));
        let next = worker::ask(&self.tasks, Box::new(matcher), None);
        Ok(Constraint { tasks: self.tasks.clone(), next, here: None })
    }
}

/// The grammar of JSON under `schema`. How white space is written is ours to say, and whether what
/// cannot be enforced is passed over is not the client's: such a schema is refused.
fn json_grammar(schema: Value) -> TopLevelGrammar {
    TopLevelGrammar::from_json_schema(with_options(schema))
}

/// `schema` with our options in it.
pub(super) fn with_options(mut schema: Value) -> Value {
    if schema == Value::Bool(true) {
        schema = json!({});
    }
    if schema.is_object() {
        let white_space = Some(WHITE_SPACE.to_owned());
        JsonCompileOptions { whitespace_pattern: white_space, ..JsonCompileOptions::default() }
            .apply_to(&mut schema);
    }
    schema
}

/// The vocabulary as `llguidance` sees it; `None` without an end of turn. Control tokens have no
/// bytes, so no grammar ever allows them, and neither do those that spell 0xFF: it marks control
/// tokens there, and is no part of UTF-8.
fn environment(vocabulary: &dyn Vocabulary) -> Option<TokEnv> {
    let ends: Vec<u32> =
        vocabulary.turn_ends().into_iter().map(|Token(id)| id.cast_unsigned()).collect();
    let words: Vec<Vec<u8>> = (0..vocabulary.size())
        .map(|id| {
            let mut bytes = Vec::new();
            if !ends.contains(&id) {
                vocabulary.append_bytes(Token(id.cast_signed()), &mut bytes);
            }
            if bytes.first() == Some(&TokTrie::SPECIAL_TOKEN_MARKER) {
                bytes.clear();
            }
            bytes
        })
        .collect();
    let info = TokRxInfo::new(vocabulary.size(), *ends.first()?);
    let trie = TokTrie::from(&info, &words).with_eos_tokens(&ends);
    Some(Arc::new(ApproximateTokEnv::new(trie)))
}

/// What a client can use of an error: without the dump of a parser's state behind it.
pub(super) fn brief(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let end =
        ["\n<non-verbose/>", "\n<state>", "\n<backtrace>"].iter().filter_map(|m| text.find(m));
    text[..end.min().unwrap_or(text.len())].trim().to_owned()
}

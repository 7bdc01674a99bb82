//! From a form to a constraint over the tokens of one vocabulary.

use std::fmt;
use std::sync::Arc;

use harmonic_types::Format;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};

use super::form::{Form, FormatError, Source};
use super::mask::Mask;
use super::mask_pool::MaskPool;
use super::sample_answers::SampleBudget;
use super::token_table::TokenTable;
use super::{CallForm, Constraint, limits, sample_answers};
use crate::chat::Vocabulary;

/// Makes constraints over one model's tokens. Building it reads the whole vocabulary.
pub struct Grammars {
    factory: ParserFactory,
    pool: Arc<MaskPool>,
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammars").finish_non_exhaustive()
    }
}

impl Grammars {
    /// For `model` with `vocabulary`. Starts the threads that compute masks.
    ///
    /// # Errors
    /// [`FormatError::Vocabulary`] where the vocabulary has no end of turn, or no thread can be
    /// started.
    pub fn new(model: &str, vocabulary: &dyn Vocabulary) -> Result<Self, FormatError> {
        let failed = |reason: String| FormatError::Vocabulary(model.to_owned(), reason);
        let table = TokenTable::of(vocabulary)
            .ok_or_else(|| failed("its vocabulary has no end of turn".to_owned()))?;
        let factory = factory(&table).map_err(failed)?;
        let pool = MaskPool::start()
            .map_err(|error| failed(format!("no thread could be started: {error}")))?;
        Ok(Self { factory, pool })
    }

    /// The constraint that holds one answer to `format`, compiled on the caller's stack.
    ///
    /// # Errors
    /// When `format` is not what it should be, or asks for what cannot be enforced.
    pub fn compile(&self, format: &Format) -> Result<Constraint, FormatError> {
        self.compile_form(&Form::of(format)?)
    }

    /// The constraint that makes an answer one call of one of `forms`, compiled on the caller's
    /// stack.
    ///
    /// # Errors
    /// [`FormatError::Tool`] for a schema that is wrong, or uses what cannot be enforced.
    pub fn compile_call(&self, forms: &[CallForm<'_>]) -> Result<Constraint, FormatError> {
        self.compile_form(&Form::of_call(forms)?)
    }

    /// The constraint that holds one answer to `form`, which is known to go on.
    pub(super) fn compile_tried(&self, form: &Form) -> Result<Constraint, FormatError> {
        self.constraint(form, compile(&self.factory, &form.source))
    }

    /// The constraint that holds one answer to `form`, with sample answers followed first.
    pub(super) fn compile_form(&self, form: &Form) -> Result<Constraint, FormatError> {
        self.constraint(form, attempt(&self.factory, &form.source, limits::IN_PROCESS_BUDGET))
    }

    fn constraint(
        &self,
        form: &Form,
        compiled: Result<(Matcher, Mask), Failed>,
    ) -> Result<Constraint, FormatError> {
        let (matcher, first) =
            compiled.map_err(|Failed { part, reason }| form.error(part, reason))?;
        Ok(Constraint::new(Arc::clone(&self.pool), matcher, first))
    }
}

/// A compiler for `table`, with the limits that hold here and in a process that only tries.
pub(super) fn factory(table: &TokenTable) -> Result<ParserFactory, String> {
    let tokens = table.environment().ok_or("its vocabulary has no end of turn")?;
    let mut factory = ParserFactory::new_simple(&tokens).map_err(|error| brief(&error))?;
    factory.set_stderr_log_level(0);
    *factory.limits_mut() = limits::parser();
    Ok(factory)
}

/// Why a form could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// The part that is wrong by itself.
    pub(super) part: Option<usize>,
    pub(super) reason: String,
}

/// Compiles `source` and computes what an answer may begin with.
pub(super) fn compile(factory: &ParserFactory, source: &Source) -> Result<(Matcher, Mask), Failed> {
    of_parts(source, |grammar| begin(factory, grammar))
}

/// Compiles `source` and follows sample answers.
pub(super) fn attempt(
    factory: &ParserFactory,
    source: &Source,
    budget: SampleBudget,
) -> Result<(Matcher, Mask), Failed> {
    of_parts(source, |grammar| {
        let (matcher, first) = begin(factory, grammar)?;
        sample_answers::follow(&matcher, factory.tok_env().tok_trie(), budget)?;
        Ok((matcher, first))
    })
}

fn of_parts<T>(
    source: &Source,
    compile: impl Fn(&TopLevelGrammar) -> Result<T, String>,
) -> Result<T, Failed> {
    compile(&source.whole).map_err(|reason| {
        // An error of the whole does not say whose it is.
        let alone = |grammar: &TopLevelGrammar| compile(grammar).err();
        let mut parts = source.parts.iter().enumerate();
        parts.find_map(|(part, grammar)| Some((part, alone(grammar)?))).map_or(
            Failed { part: None, reason },
            |(part, reason)| Failed { part: Some(part), reason },
        )
    })
}

fn begin(factory: &ParserFactory, grammar: &TopLevelGrammar) -> Result<(Matcher, Mask), String> {
    let parser = factory.create_parser(grammar.clone()).map_err(|error| brief(&error))?;
    let mut matcher = Matcher::new(Ok(parser)).into_cancellable();
    let allowed = matcher.compute_mask_or_eos().map_err(|error| brief(&error))?;
    if allowed.is_zero() {
        return Err("no answer satisfies it: nothing may come first".to_owned());
    }
    Ok((matcher, Mask::from_words(allowed.as_slice())))
}

/// What `llguidance` says where no token may come next.
const DEAD_END: &str = "NoExtensionBias";
/// What `llguidance` says of its limits, and what that means for a client.
const MEANINGS: [(&str, &str); 8] = [
    (DEAD_END, "no token of the model continues it"),
    (
        "too many expressions constructed",
        "a step of its regular expressions or numbers takes more work than is allowed: use fewer or \
         simpler expressions, repetitions and alternatives, or a smaller `multipleOf`",
    ),
    (
        "too many states",
        "its regular expressions have more states than are allowed: use fewer or simpler ones",
    ),
    (
        "fuel exhausted when checking relevance",
        "compiling its regular expressions or numbers takes more work than is allowed: use fewer or \
         simpler expressions, or a smaller `multipleOf`",
    ),
    (
        "lexer precomputation failed",
        "compiling its regular expressions takes more work than is allowed: use fewer or simpler ones",
    ),
    (
        "initial lexer configuration (grammar) too big",
        "its regular expressions are larger than is allowed: use fewer or shorter ones",
    ),
    (
        "Current row has",
        "more than 2000 of its parts may come at one place: use fewer alternatives or optional parts \
         there, or objects with `additionalProperties: false`",
    ),
    (
        "Too many items",
        "more of its parts may come at one place than are allowed: use fewer alternatives or optional \
         parts there, or terminals of more than one character",
    ),
];
/// Most characters of an error that a client is told.
const LONGEST_ERROR: usize = 400;

/// Whether `error` says that no token may come next.
pub(super) fn is_dead_end(error: &impl fmt::Display) -> bool {
    error.to_string().starts_with(DEAD_END)
}

/// What a client can use of an error: without the dump of a parser's state behind it, and of what
/// its form was made into no more than the beginning.
pub(super) fn brief(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let end =
        ["\n<non-verbose/>", "\n<state>", "\n<backtrace>"].iter().filter_map(|m| text.find(m));
    let text = text[..end.min().unwrap_or(text.len())].trim();
    if let Some((_, meaning)) = MEANINGS.iter().find(|(said, _)| text.contains(said)) {
        return (*meaning).to_owned();
    }
    let mut beginning: String = text.chars().take(LONGEST_ERROR).collect();
    if beginning.len() < text.len() {
        beginning.push('…');
    }
    match beginning.strip_prefix("panic: ") {
        Some(panic) => format!("the compiler of forms cannot read it ({panic})"),
        None => beginning,
    }
}

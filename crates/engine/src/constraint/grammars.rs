//! Compilation of forms into constraints over one vocabulary.

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

/// Compiler of constraints over one model's vocabulary.
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
    /// A compiler for `model`. Reads the whole `vocabulary` and starts the mask threads.
    ///
    /// # Errors
    /// [`FormatError::Vocabulary`] if the vocabulary has no end of turn or a thread cannot be
    /// started.
    pub fn new(model: &str, vocabulary: &dyn Vocabulary) -> Result<Self, FormatError> {
        let failed = |reason: String| FormatError::Vocabulary(model.to_owned(), reason);
        let table = TokenTable::of(vocabulary)
            .ok_or_else(|| failed("its vocabulary has no end of turn".to_owned()))?;
        let factory = factory(&table).map_err(failed)?;
        let pool = MaskPool::start()
            .map_err(|error| failed(format!("cannot start threads for masks: {error}")))?;
        Ok(Self { factory, pool })
    }

    /// Compiles `format` on the caller's stack.
    ///
    /// # Errors
    /// [`FormatError`] if `format` is invalid or cannot be enforced.
    pub fn compile(&self, format: &Format) -> Result<Constraint, FormatError> {
        self.compile_form(&Form::of(format)?)
    }

    /// Compiles the constraint of a single call of one of `forms`, on the caller's stack.
    ///
    /// # Errors
    /// [`FormatError::Tool`] for a schema that is invalid or cannot be enforced.
    pub fn compile_call(&self, forms: &[CallForm<'_>]) -> Result<Constraint, FormatError> {
        self.compile_form(&Form::of_call(forms)?)
    }

    /// Compiles `form`, which has passed a trial.
    pub(super) fn compile_tried(&self, form: &Form) -> Result<Constraint, FormatError> {
        self.constraint(form, compile(&self.factory, &form.source))
    }

    /// Compiles `form` and follows sample answers first.
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

/// Parser factory for `table`, with the limits of this and of the trial process.
pub(super) fn factory(table: &TokenTable) -> Result<ParserFactory, String> {
    let tokens = table.environment().ok_or("its vocabulary has no end of turn")?;
    let mut factory = ParserFactory::new_simple(&tokens).map_err(|error| brief(&error))?;
    factory.set_stderr_log_level(0);
    *factory.limits_mut() = limits::parser();
    Ok(factory)
}

/// Failure to compile a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// Index of the part at fault, if it fails by itself.
    pub(super) part: Option<usize>,
    pub(super) reason: String,
}

/// Compiles `source` and computes the first mask.
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
        // An error of the whole does not name the part at fault.
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
        return Err("no answer satisfies it: no token may come first".to_owned());
    }
    Ok((matcher, Mask::from_words(allowed.as_slice())))
}

/// Error of `llguidance` if no token may come next.
const DEAD_END: &str = "NoExtensionBias";
/// Errors of `llguidance` about its limits, with messages for the client.
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
/// Maximum length of an error message for the client, in characters.
const LONGEST_ERROR: usize = 400;

/// Whether `error` means that no token may come next.
pub(super) fn is_dead_end(error: &impl fmt::Display) -> bool {
    error.to_string().starts_with(DEAD_END)
}

/// Error message for the client: without the dump of the parser state, and with at most the start
/// of the generated grammar.
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

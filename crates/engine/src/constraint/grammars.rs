//! From a form to a constraint over the tokens of one vocabulary.

use std::fmt;
use std::sync::Arc;

use harmonic_types::Format;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};

use super::form::{Form, FormatError, Source};
use super::masks::Pool;
use super::words::Words;
use super::{CallForm, Constraint, limits};
use crate::chat::Vocabulary;
use crate::sampling::Mask;

/// Makes constraints over one model's tokens. Building it reads the whole vocabulary.
pub struct Grammars {
    factory: ParserFactory,
    pool: Arc<Pool>,
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
        let words = Words::of(vocabulary)
            .ok_or_else(|| failed("its vocabulary has no end of turn".to_owned()))?;
        let factory = factory(&words).map_err(failed)?;
        let pool = Pool::start()
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

    /// The constraint that holds one answer to `form`, its first mask computed.
    pub(super) fn compile_form(&self, form: &Form) -> Result<Constraint, FormatError> {
        let (matcher, first) = compile(&self.factory, &form.source)
            .map_err(|Failed { part, reason }| form.error(part, reason))?;
        Ok(Constraint::new(Arc::clone(&self.pool), matcher, first))
    }
}

/// A compiler for `words`, with the limits that hold here and in a process that only tries.
pub(super) fn factory(words: &Words) -> Result<ParserFactory, String> {
    let tokens = words.environment().ok_or("its vocabulary has no end of turn")?;
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
    begin(factory, &source.whole).map_err(|reason| {
        // An error of the whole does not say whose it is.
        let alone = |grammar: &TopLevelGrammar| begin(factory, grammar).err();
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

/// What a client can use of an error: without the dump of a parser's state behind it.
pub(super) fn brief(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let end =
        ["\n<non-verbose/>", "\n<state>", "\n<backtrace>"].iter().filter_map(|m| text.find(m));
    let text = text[..end.min().unwrap_or(text.len())].trim();
    match text.strip_prefix("panic: ") {
        Some(panic) => format!("the compiler of forms cannot read it ({panic})"),
        None => text.to_owned(),
    }
}

//! Template environment as in Hugging Face's `apply_chat_template`.

use std::collections::HashSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value};

use super::{NAME, TemplateError, guards, json, lists, methods, source};

/// Stack size of the thread that compiles a template, in bytes: the compiler recurses over the
/// tokens of a tag, and for an `elif` over the rest of its block, both of which are limited.
const STACK_BYTES: usize = 256 << 20;
/// Recursion limit; each nested macro call counts four.
const DEPTH: usize = 200;

/// A compiled template with the names of its variables.
type Compiled = (Environment<'static>, HashSet<String>);

/// Compiles a template.
///
/// # Errors
/// [`TemplateError`] if it is invalid or exceeds a limit.
pub(super) fn environment(source: String) -> Result<Compiled, TemplateError> {
    let apart = |work: Box<dyn FnOnce() -> Result<Compiled, Error> + Send>| {
        let thread = std::thread::Builder::new().name("template".to_owned());
        thread.stack_size(STACK_BYTES).spawn(work).map_err(|error| error.to_string())
    };
    let compiled = apart(Box::new(move || compile(&source)))
        .and_then(|thread| thread.join().map_err(|_| "the compiler panicked".to_owned()))
        .map_err(|reason| TemplateError { action: "cannot be compiled", reason })?;
    compiled.map_err(|error| TemplateError::new("is not valid", &error))
}

fn compile(source: &str) -> Result<Compiled, Error> {
    let mut jinja = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
    let (source, names) = source::guarded(source, &syntax)?;
    jinja.set_syntax(syntax);
    jinja.set_recursion_limit(DEPTH);
    jinja.set_unknown_method_callback(methods::call);
    guards::add_to(&mut jinja);
    lists::add_to(&mut jinja);
    jinja.add_filter("tojson", json::tojson);
    jinja.add_test("iterable", is_iterable);
    jinja.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    jinja.add_function("strftime_now", strftime_now);
    jinja.add_template_owned(NAME, source)?;
    Ok((jinja, names))
}

/// Python's definition: strings are iterable, `none` is not.
fn is_iterable(value: &Value) -> bool {
    !matches!(value.kind(), ValueKind::None | ValueKind::Bool | ValueKind::Number)
}

/// Current time in UTC.
pub(super) fn strftime_now(format: &str) -> Result<String, Error> {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::strtime::format(format, &now).map_err(|error| {
        Error::new(ErrorKind::InvalidOperation, format!("invalid time format `{format}`: {error}"))
    })
}

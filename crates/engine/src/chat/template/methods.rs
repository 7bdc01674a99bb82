//! Python's methods of texts, ignoring marks, and those of lists and maps.

use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

use super::budget::{BoundedText, charge};
use super::marked_text::MarkedText;
use crate::chat::taint::unmarked;

/// `value.method(args)`, for methods that minijinja does not have.
///
/// # Errors
/// If the method does not exist or the arguments are invalid.
pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let Some(text) = value.as_str() else {
        return pycompat::unknown_method_callback(state, value, method, args);
    };
    let marked = MarkedText::of(text);
    charge(marked.plain().len() as u64, 1)?;
    match method {
        "strip" | "lstrip" | "rstrip" => {
            let (chars,): (Option<&str>,) = from_args(args)?;
            Ok(stripped(&marked, chars, method != "rstrip", method != "lstrip").into())
        }
        "split" | "rsplit" => {
            let (separator, most, named): (Option<&Value>, Option<i64>, Kwargs) = from_args(args)?;
            let most = most.or(named.get::<Option<i64>>("maxsplit")?);
            let separator = separator.filter(|value| !value.is_none());
            let separator = separator.map(text_of).transpose()?;
            split(&marked, separator, most, method == "rsplit")
        }
        "replace" => {
            let (old, new, count): (&str, &str, Option<i64>) = from_args(args)?;
            replaced(&marked, old, new, count)
        }
        "removeprefix" | "removesuffix" => {
            let (affix,): (&str,) = from_args(args)?;
            let (plain, affix) = (marked.plain(), unmarked(affix));
            let range = if method == "removeprefix" {
                plain.strip_prefix(&*affix).map(|rest| plain.len() - rest.len()..plain.len())
            } else {
                plain.strip_suffix(&*affix).map(|rest| 0..rest.len())
            };
            Ok(range.map_or(text, |range| marked.cut(range)).into())
        }
        "find" | "rfind" => {
            let (what,): (&str,) = from_args(args)?;
            let (plain, what) = (marked.plain(), unmarked(what));
            let found = if method == "find" { plain.find(&*what) } else { plain.rfind(&*what) };
            let index = found.map(|at| i64::try_from(marked.index(at)).unwrap_or(i64::MAX));
            Ok(index.unwrap_or(-1).into())
        }
        "join" => {
            let (values,): (&Value,) = from_args(args)?;
            joined(values, text)
        }
        "format" => {
            check_format(text, args)?;
            pycompat::unknown_method_callback(state, value, method, args)
        }
        // Methods that map every character, which keep marks.
        "upper" | "lower" | "title" | "capitalize" | "splitlines" => {
            pycompat::unknown_method_callback(state, value, method, args)
        }
        // Predicates.
        _ => {
            let plain = |value: &Value| value.as_str().map_or_else(|| value.clone(), plain_value);
            let args: Vec<Value> = args.iter().map(plain).collect();
            pycompat::unknown_method_callback(state, &plain_value(text), method, &args)
        }
    }
}

/// Limits a format to widths of three digits, and charges its output for `args`.
fn check_format(format: &str, args: &[Value]) -> Result<(), Error> {
    let widest = format.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    let nested = format.split('{').skip(1).any(|field| !field.is_empty() && !field.contains('}'));
    if widest > 3 || nested {
        let reason = "a width of a format has more than three digits or is computed";
        return Err(Error::new(ErrorKind::InvalidOperation, reason));
    }
    let mut bytes = format.len() as u64;
    for value in args {
        bytes += BoundedText::show(value)?.len() as u64 + 1000;
    }
    charge(bytes.saturating_mul(format.matches('{').count() as u64), 1)
}

fn plain_value(text: &str) -> Value {
    Value::from(unmarked(text).into_owned())
}

fn text_of(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| {
        let reason = format!("a text is split at a text, not at a value of type {}", value.kind());
        Error::new(ErrorKind::InvalidOperation, reason)
    })
}

/// Text without `chars` at its ends; white space by default.
pub(super) fn stripped<'a>(
    marked: &MarkedText<'a>,
    chars: Option<&str>,
    at_start: bool,
    at_end: bool,
) -> &'a str {
    let chars: Option<Vec<char>> = chars.map(|chars| unmarked(chars).chars().collect());
    let goes = |c: char| chars.as_ref().map_or_else(|| c.is_whitespace(), |set| set.contains(&c));
    let plain = marked.plain();
    let end = if at_end { plain.trim_end_matches(goes).len() } else { plain.len() };
    let kept = if at_start { plain[..end].trim_start_matches(goes).len() } else { end };
    marked.cut(end - kept..end)
}

/// Parts between separators, by default runs of white space; at most `most` + 1 unless negative.
pub(super) fn split(
    marked: &MarkedText<'_>,
    separator: Option<&str>,
    most: Option<i64>,
    from_end: bool,
) -> Result<Value, Error> {
    let plain = marked.plain();
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let parts = most.saturating_add(1);
    let range = |part: &str| {
        let start = part.as_ptr() as usize - plain.as_ptr() as usize;
        Value::from(marked.cut(start..start + part.len()))
    };
    let Some(separator) = separator else {
        return Ok(words(plain, most, from_end).into_iter().map(range).collect());
    };
    let separator = unmarked(separator);
    if separator.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
    }
    if from_end {
        let mut values: Vec<Value> = plain.rsplitn(parts, &*separator).map(range).collect();
        values.reverse();
        return Ok(values.into());
    }
    Ok(plain.splitn(parts, &*separator).map(range).collect())
}

/// Python's split at white space, which also trims the rest.
fn words(text: &str, most: usize, from_end: bool) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), text.trim());
    while words.len() < most {
        let cut =
            if from_end { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        let Some(at) = cut else { break };
        let (before, after) = rest.split_at(at);
        let (word, later) = if from_end { (after, before) } else { (before, after) };
        words.push(word.trim());
        rest = later.trim();
    }
    if !rest.is_empty() {
        words.push(rest);
    }
    if from_end {
        words.reverse();
    }
    words
}

/// Text with `old` replaced by `new`, everywhere or at most `count` times.
pub(super) fn replaced(
    marked: &MarkedText<'_>,
    old: &str,
    new: &str,
    count: Option<i64>,
) -> Result<Value, Error> {
    let most = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let (plain, old) = (marked.plain(), unmarked(old));
    let (mut written, mut from) = (BoundedText::default(), 0);
    for (at, found) in plain.match_indices(&*old).take(most) {
        written.push(marked.cut(from..at))?;
        written.push(new)?;
        from = at + found.len();
    }
    written.push(marked.cut(from..plain.len()))?;
    written.text().map(Value::from)
}

/// Joins `values` with `separator`.
pub(super) fn joined(values: &Value, separator: &str) -> Result<Value, Error> {
    let mut written = BoundedText::default();
    for (at, value) in values.try_iter()?.enumerate() {
        if at > 0 {
            written.push(separator)?;
        }
        match value.as_str() {
            Some(text) => written.push(text)?,
            None if value.kind() == ValueKind::Undefined => {}
            None => written.push(&BoundedText::show(&value)?)?,
        }
    }
    written.text().map(Value::from)
}

//! Replacements of minijinja's filters and tests that ignore marks and keep to the budget.

use std::collections::BTreeMap;

use minijinja::value::{Kwargs, StringInput, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, filters};

use super::budget::{BoundedText, charge, charge_value, spend};
use super::marked_text::MarkedText;
use super::methods::{joined, replaced, split, stripped};
use super::slices::sliced;
use crate::chat::taint::unmarked;

/// Filter that charges a created value.
pub(super) const CHARGED: &str = "charged__";
/// Filter that removes marks before a comparison.
pub(super) const UNMARKED: &str = "unmarked__";
/// Filter around the sequence of a loop, with the bytes of fixed text per iteration.
pub(super) const LOOPED: &str = "looped__";
/// Filter for products.
pub(super) const PRODUCT: &str = "product__";
/// Filter for slices.
pub(super) const SLICED: &str = "sliced__";
/// Filter for items.
pub(super) const ITEM: &str = "item__";
/// Filter that converts a text to the list of its characters.
pub(super) const CHARACTERS: &str = "characters__";

/// Maximum indentation.
const WIDEST: usize = 1024;

pub(super) fn add_to(jinja: &mut Environment<'_>) {
    jinja.add_filter(CHARGED, |value: Value| charge_value(&value).map(|()| value));
    jinja.add_filter(UNMARKED, plain);
    jinja.add_filter(LOOPED, rounds);
    jinja.add_filter(PRODUCT, times);
    jinja.add_filter(SLICED, sliced);
    jinja.add_filter(ITEM, item);
    jinja.add_filter(CHARACTERS, characters);
    jinja.add_filter("first", |value: Value| characters(value).and_then(|v| filters::first(&v)));
    jinja.add_filter("last", |value: Value| characters(value).and_then(filters::last));
    jinja.add_filter("list", |state: &State<'_, '_>, value: Value| {
        characters(value).and_then(|value| filters::list(state, value))
    });
    // Used by `select`, for instance.
    for equal in ["eq", "equalto", "=="] {
        jinja.add_test(equal, |one: Value, other: Value| {
            Ok::<_, Error>(plain(one)? == plain(other)?)
        });
    }
    for unequal in ["ne", "!="] {
        jinja.add_test(unequal, |one: Value, other: Value| {
            Ok::<_, Error>(plain(one)? != plain(other)?)
        });
    }
    jinja.add_filter("trim", |text: StringInput<'_>, chars: Option<String>| {
        stripped(&MarkedText::of(text.as_str()), chars.as_deref(), true, true).to_owned()
    });
    jinja.add_filter("replace", |text: StringInput<'_>, old: String, new: String| {
        replaced(&MarkedText::of(text.as_str()), &old, &new, None)
    });
    jinja.add_filter("split", |text: StringInput<'_>, at: Option<String>, most: Option<i64>| {
        split(&MarkedText::of(text.as_str()), at.as_deref(), most, false)
    });
    jinja.add_filter("reverse", |value: &Value| match value.as_str() {
        Some(_) => sliced(value.clone(), None, None, Some(-1)),
        None => filters::reverse(value),
    });
    jinja.add_filter("length", length);
    jinja.add_filter("count", length);
    jinja.add_filter("string", string);
    jinja.add_filter("join", join);
    jinja.add_filter("indent", indent);
    // These are not bounded, and no known template uses them.
    for unbounded in ["batch", "slice", "format", "pprint"] {
        jinja.remove_filter(unbounded);
    }
    jinja.remove_global("debug");
    jinja.set_formatter(write);
}

/// Formatter of emitted values.
fn write(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => {
            charge(text.len() as u64, 1)?;
            out.write_str(text)?;
        }
        None if value.kind() == ValueKind::Undefined => {}
        None => {
            charge_value(value)?;
            out.write_str(&BoundedText::show(value)?)?;
        }
    }
    Ok(())
}

fn plain(value: Value) -> Result<Value, Error> {
    charge_value(&value)?;
    let is_marked = |value: &Value| {
        value.as_str().is_some_and(|text| matches!(unmarked(text), std::borrow::Cow::Owned(_)))
    };
    let unmark = |value: Value| match value.as_str() {
        Some(text) if is_marked(&value) => Value::from(unmarked(text).into_owned()),
        _ => value,
    };
    match value.kind() {
        ValueKind::Seq if value.try_iter()?.any(|item| is_marked(&item)) => {
            Ok(value.try_iter()?.map(unmark).collect())
        }
        ValueKind::Map if value.try_iter()?.any(|key| is_marked(&key)) => {
            let pairs: Result<BTreeMap<Value, Value>, Error> = value
                .try_iter()?
                .map(|key| Ok((unmark(key.clone()), value.get_item(&key)?)))
                .collect();
            Ok(Value::from(pairs?))
        }
        _ => Ok(unmark(value)),
    }
}

/// List of a text's characters, each with its marks; other values are unchanged.
fn characters(value: Value) -> Result<Value, Error> {
    let Some(text) = value.as_str() else { return Ok(value) };
    let marked = MarkedText::of(text);
    let plain = marked.plain();
    charge(text.len() as u64, plain.len() as u64)?;
    let cut = |(at, c): (usize, char)| Value::from(marked.cut(at..at + c.len_utf8()));
    Ok(plain.char_indices().map(cut).collect())
}

/// `value[key]`; for a text, the character with its marks.
#[expect(clippy::needless_pass_by_value, reason = "signature of minijinja")]
fn item(value: Value, key: Value) -> Result<Value, Error> {
    let Some(text) = value.as_str() else {
        let found = value.get_item(&key)?;
        return if found.is_undefined() { value.get_item(&plain(key)?) } else { Ok(found) };
    };
    let Ok(at) = i64::try_from(key) else { return Ok(Value::UNDEFINED) };
    let marked = MarkedText::of(text);
    charge(text.len() as u64, 1)?;
    let len = i64::try_from(marked.plain().chars().count()).unwrap_or(i64::MAX);
    let place = if at < 0 { at.saturating_add(len) } else { at };
    let place = usize::try_from(place).ok();
    let found = place.and_then(|place| marked.plain().char_indices().nth(place));
    Ok(found.map_or(Value::UNDEFINED, |(at, c)| marked.cut(at..at + c.len_utf8()).into()))
}

fn rounds(value: Value, bytes: u64) -> Result<Value, Error> {
    let value = characters(value)?;
    let rounds = match value.len() {
        Some(len) => len as u64,
        None if value.kind() == ValueKind::Iterable => value.try_iter()?.count() as u64,
        None => 0,
    };
    charge(0, rounds)?;
    spend(bytes.saturating_mul(rounds), 0)?;
    Ok(value)
}

/// Python's product: multiplies numbers, repeats texts and lists.
#[expect(clippy::needless_pass_by_value, reason = "signature of minijinja")]
fn times(left: Value, right: Value) -> Result<Value, Error> {
    if left.is_integer() && right.is_integer() {
        let (left, right) = (i64::try_from(left.clone())?, i64::try_from(right.clone())?);
        return left.checked_mul(right).map(Value::from).ok_or_else(|| {
            Error::new(ErrorKind::InvalidOperation, format!("{left} * {right} is too large"))
        });
    }
    let (repeated, count) = if left.is_number() { (&right, &left) } else { (&left, &right) };
    if repeated.is_number() {
        let numbers = (f64::try_from(left.clone())?, f64::try_from(right.clone())?);
        return Ok(Value::from(numbers.0 * numbers.1));
    }
    let count = i64::try_from(count.clone())?;
    let count = usize::try_from(count).unwrap_or(0);
    if let Some(text) = repeated.as_str() {
        charge((text.len() as u64).saturating_mul(count as u64), 1)?;
        return Ok(text.repeat(count).into());
    }
    charge(0, (repeated.len().unwrap_or(1) as u64).saturating_mul(count as u64))?;
    let items: Vec<Value> = repeated.try_iter()?.collect();
    Ok(std::iter::repeat_n(items, count).flatten().collect())
}

/// Length of a value, without marks for texts.
fn length(value: &Value) -> Result<usize, Error> {
    match value.as_str() {
        Some(text) => Ok(unmarked(text).chars().count()),
        None => filters::length(value),
    }
}

fn string(value: &Value) -> Result<Value, Error> {
    if value.as_str().is_some() {
        return Ok(value.clone());
    }
    charge_value(value)?;
    BoundedText::show(value).map(Value::from)
}

#[expect(clippy::needless_pass_by_value, reason = "signature of minijinja")]
fn join(
    values: &Value,
    separator: Option<StringInput<'_>>,
    attribute: Option<&str>,
    named: Kwargs,
) -> Result<Value, Error> {
    let attribute = match attribute {
        Some(attribute) => Some(attribute),
        None => named.get::<Option<&str>>("attribute")?,
    };
    let named = match &separator {
        Some(_) => None,
        None => named.get::<Option<&str>>("d")?,
    };
    let separator = separator.as_ref().map_or(named.unwrap_or_default(), |text| text.as_str());
    charge_value(values)?;
    match attribute {
        None => joined(values, separator),
        Some(name) => {
            let attributes: Result<Value, Error> =
                values.try_iter()?.map(|value| value.get_attr(name)).collect();
            joined(&attributes?, separator)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "signature of minijinja")]
fn indent(
    text: StringInput<'_>,
    width: Option<usize>,
    first: Option<bool>,
    blank: Option<bool>,
    named: Kwargs,
) -> Result<Value, Error> {
    let width = match width {
        Some(width) => Some(width),
        None => named.get::<Option<usize>>("width")?,
    };
    let width = width.unwrap_or(4);
    if width > WIDEST {
        let reason = format!("invalid indentation `{width}`: expected at most {WIDEST}");
        return Err(Error::new(ErrorKind::InvalidOperation, reason));
    }
    let first =
        first.map_or_else(|| named.get::<Option<bool>>("first"), |first| Ok(Some(first)))?;
    let blank =
        blank.map_or_else(|| named.get::<Option<bool>>("blank"), |blank| Ok(Some(blank)))?;
    let lines = text.as_str().matches('\n').count() + 1;
    charge(text.as_str().len() as u64 + (lines as u64).saturating_mul(width as u64), 1)?;
    // As in Jinja, unlike minijinja, a trailing line break is kept.
    let mut indented = String::new();
    for (at, line) in text.as_str().split('\n').enumerate() {
        let is_indented = match at {
            0 => first.unwrap_or(false),
            _ => blank.unwrap_or(false) || !unmarked(line).is_empty(),
        };
        if at > 0 {
            indented.push('\n');
        }
        if is_indented {
            indented.extend(std::iter::repeat_n(' ', width));
        }
        indented.push_str(line);
    }
    Ok(indented.into())
}

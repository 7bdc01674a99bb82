//! Python's `value[start:stop:step]`, ignoring marks. minijinja's own counts marks as characters,
//! panics on an empty reversed slice, and nests lazy lists.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use super::budget::{BoundedText, charge};
use super::marked_text::MarkedText;

/// Slice of a text or list.
///
/// # Errors
/// If the value is neither, the step is 0, or the budget is exhausted.
#[expect(clippy::needless_pass_by_value, reason = "signature of minijinja")]
pub(super) fn sliced(
    value: Value,
    start: Option<i64>,
    until: Option<i64>,
    step: Option<i64>,
) -> Result<Value, Error> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(invalid("invalid step `0` of a slice: expected any other number".to_owned()));
    }
    if let Some(text) = value.as_str() {
        charge(text.len() as u64, 1)?;
        return text_of(&MarkedText::of(text), start, until, step);
    }
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::from(Vec::<Value>::new())),
        ValueKind::Seq | ValueKind::Iterable => {
            charge(0, value.len().unwrap_or(0) as u64)?;
            let items: Vec<Value> = value.try_iter()?.collect();
            Ok(places(start, until, step, items.len()).map(|at| items[at].clone()).collect())
        }
        kind => Err(invalid(format!("a value of type {kind} has no slices"))),
    }
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

fn text_of(
    marked: &MarkedText<'_>,
    start: Option<i64>,
    until: Option<i64>,
    step: i64,
) -> Result<Value, Error> {
    let plain = marked.plain();
    let mut bounds: Vec<usize> = plain.char_indices().map(|(at, _)| at).collect();
    bounds.push(plain.len());
    let places = places(start, until, step, bounds.len() - 1);
    if step == 1 {
        let (first, last) = (places.clone().next(), places.last());
        let range = first.zip(last).map_or(0..0, |(first, last)| bounds[first]..bounds[last + 1]);
        return Ok(marked.cut(range).into());
    }
    if step == -1 {
        // The marks beside each character are kept.
        let (first, last) = (places.clone().next(), places.last());
        let range = first.zip(last).map_or(0..0, |(first, last)| bounds[last]..bounds[first + 1]);
        return Ok(marked.reversed(range).into());
    }
    let mut written = BoundedText::default();
    for at in places {
        written.push(marked.cut(bounds[at]..bounds[at + 1]))?;
    }
    written.text().map(Value::from)
}

/// Indices of a slice of a sequence of `len`.
fn places(
    start: Option<i64>,
    until: Option<i64>,
    step: i64,
    len: usize,
) -> impl Iterator<Item = usize> + Clone {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let forwards = step > 0;
    let (lowest, highest) = if forwards { (0, len) } else { (-1, len - 1) };
    let held = |place: i64| {
        (if place < 0 { place.saturating_add(len) } else { place }).clamp(lowest, highest)
    };
    let (from, to) = if forwards { (lowest, highest) } else { (highest, lowest) };
    let (start, until) = (start.map_or(from, held), until.map_or(to, held));
    let ends = move |place: &i64| if forwards { *place < until } else { *place > until };
    std::iter::successors(Some(start), move |place| place.checked_add(step))
        .take_while(ends)
        .filter_map(|place| usize::try_from(place).ok())
}

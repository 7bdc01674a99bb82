//! Calls of functions in answers, as JSON, and the values that are right by the rules of the Berkeley
//! Function-Calling Leaderboard (docs/sources.md#bfcl).

use serde_json::{Map, Value};

use crate::item::ExpectedCall;

/// Places in an answer at which JSON is looked for, at most.
const PLACES: usize = 1000;

/// A call that an answer states.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    name: String,
    arguments: Map<String, Value>,
}

/// The calls of the first JSON in `answer` that states some; `None` where none does.
pub(super) fn stated(answer: &str) -> Option<Vec<Call>> {
    let places = answer.match_indices(['{', '[']).map(|(at, _)| at).take(PLACES);
    let mut end = 0;
    for at in places {
        if at < end {
            continue;
        }
        let mut values = serde_json::Deserializer::from_str(&answer[at..]).into_iter::<Value>();
        let Some(Ok(value)) = values.next() else { continue };
        end = at + values.byte_offset();
        let Some(mut calls) = calls(&value) else { continue };
        // Calls one behind the other, without a list around them.
        for value in values {
            match value.ok().as_ref().and_then(self::calls) {
                Some(more) => calls.extend(more),
                None => break,
            }
        }
        return Some(calls);
    }
    None
}

/// The calls that `value` is: a call, or a list of calls.
fn calls(value: &Value) -> Option<Vec<Call>> {
    match value {
        Value::Array(values) if !values.is_empty() => values.iter().map(call).collect(),
        value => call(value).map(|call| vec![call]),
    }
}

/// `{"name": …, "arguments": {…}}`, alone or in `function`; the arguments may be a text of JSON, as
/// in OpenAI's dialect.
fn call(value: &Value) -> Option<Call> {
    let object = value.as_object()?;
    if let Some(function) = object.get("function").filter(|function| function.is_object()) {
        return call(function);
    }
    let name = object.get("name")?.as_str()?.to_owned();
    let arguments = match object.get("arguments").or_else(|| object.get("parameters")) {
        None => Map::new(),
        Some(Value::Object(arguments)) => arguments.clone(),
        Some(Value::String(text)) => serde_json::from_str(text).ok()?,
        Some(_) => return None,
    };
    Some(Call { name, arguments })
}

/// What is compared with other answers: the calls in a fixed order.
pub(super) fn key(calls: &[Call]) -> String {
    let shown = |Call { name, arguments }: &Call| {
        let mut arguments: Vec<(String, String)> =
            arguments.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        arguments.sort();
        format!("{}{arguments:?}", plain_name(name))
    };
    let mut shown: Vec<String> = calls.iter().map(shown).collect();
    shown.sort();
    shown.join(" ")
}

/// Whether `found` are the calls `right`, in any order.
pub(super) fn are_right(found: &[Call], right: &[ExpectedCall]) -> bool {
    if found.len() != right.len() {
        return false;
    }
    let mut left: Vec<&Call> = found.iter().collect();
    right.iter().all(|right| {
        let Some(at) = left.iter().position(|call| is_right(call, right)) else { return false };
        left.swap_remove(at);
        true
    })
}

fn is_right(call: &Call, right: &ExpectedCall) -> bool {
    let is_known = |name: &String| right.arguments.contains_key(name);
    plain_name(&call.name) == plain_name(&right.name)
        && call.arguments.keys().all(is_known)
        && right.arguments.iter().all(|(name, values)| match call.arguments.get(name) {
            Some(found) => values.iter().any(|value| is_same(found, value)),
            None => values.iter().any(|value| value == ""),
        })
}

/// Models write underscores where the names of functions have points, which some servers forbid.
fn plain_name(name: &str) -> String {
    name.replace('.', "_")
}

fn is_same(found: &Value, right: &Value) -> bool {
    match (found, right) {
        (Value::String(found), Value::String(right)) => plain(found) == plain(right),
        // A whole number is right for a fraction.
        (Value::Number(found), Value::Number(right)) => found.as_f64() == right.as_f64(),
        (Value::Array(found), Value::Array(right)) => {
            found.len() == right.len() && found.iter().zip(right).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(found), Value::Object(right)) => {
            let values = |right: &Value| match right {
                Value::Array(values) => values.clone(),
                value => vec![value.clone()],
            };
            found.keys().all(|name| right.contains_key(name))
                && right.iter().all(|(name, right)| match found.get(name) {
                    Some(found) => values(right).iter().any(|value| is_same(found, value)),
                    None => values(right).iter().any(|value| value == ""),
                })
        }
        (found, right) => found == right,
    }
}

/// A text without case, blanks and the marks that the leaderboard ignores.
fn plain(text: &str) -> String {
    let is_kept = |c: &char| !" ,./-_*^".contains(*c);
    let plain = text.chars().filter(is_kept).map(|c| if c == '\'' { '"' } else { c });
    plain.collect::<String>().to_lowercase()
}

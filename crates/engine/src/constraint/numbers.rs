//! Bounds for the numbers of a schema that has none: what every reader of JSON can read.
//!
//! Without them a small model writes digits until its context is full. A number lies within
//! ± (2⁵³ − 1) and has up to eight digits behind the point, and no exponent, unless the schema says
//! something else.

use serde_json::{Map, Value, json};

/// The integers that a 64-bit float holds exactly: ± 2⁵³ − 1.
const MOST: i64 = 9_007_199_254_740_991;
/// The float furthest from zero that is a 64-bit integer in either direction: bounds beyond it are cut
/// to it, because the compiler computes with such integers.
pub(super) const FARTHEST: f64 = 9_223_372_036_854_774_784.0;
/// The least step between two numbers; the compiler's arithmetic allows no less.
const STEP: f64 = 1e-8;
/// A bound may be so small and still have numbers of that step beneath it.
const LEAST_BOUND: f64 = 1e-3;

/// The definition of a value that may be anything.
const ANYTHING: &str = "harmonic:anything";

/// Keywords that lead to one schema.
const ONE: [&str; 3] = ["additionalProperties", "items", "additionalItems"];
/// Keywords that lead to a list of schemas.
const LIST: [&str; 5] = ["prefixItems", "items", "allOf", "anyOf", "oneOf"];
/// Keywords that lead to schemas by name.
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// Bounds the numbers of `schema`, wherever it says or leaves open that there are some. Its own
/// bounds stay.
pub(super) fn bound(schema: &mut Value) {
    let (mut merges, mut steps) = (false, false);
    each(schema, |schema| {
        merges |= schema.get("allOf").is_some();
        steps |= schema.get("multipleOf").is_some();
    });
    // What is merged with other steps has to be left to the schema, and what is merged with anything
    // is.
    let opens = !merges && schema.get("$defs").is_none_or(Value::is_object);
    let mut is_root = true;
    let mut open = false;
    each(schema, |schema| {
        if opens && !is_root && is_anything(schema) {
            *schema = anything();
            open = true;
        }
        is_root = false;
        let Value::Object(keys) = schema else { return };
        cut(keys);
        if allows(keys, &["integer", "number"]) {
            bound_one(keys);
            if !steps && has_room(keys) && allows(keys, &["number"]) {
                keys.insert("multipleOf".to_owned(), json!(STEP));
            }
        }
        let parts = [("object", "additionalProperties"), ("array", "items")];
        for (kind, part) in parts {
            if opens && allows(keys, &[kind]) && !keys.contains_key(part) {
                keys.insert(part.to_owned(), anything());
                open = true;
            }
        }
    });
    if let (true, Value::Object(keys)) = (open, schema) {
        let definitions = keys.entry("$defs").or_insert_with(|| json!({}));
        definitions[ANYTHING] = json!({"anyOf": [
            {"type": ["null", "boolean", "string"]},
            {"type": "number", "minimum": -MOST, "maximum": MOST, "multipleOf": STEP},
            {"type": "array", "items": anything()},
            {"type": "object", "additionalProperties": anything()},
        ]});
    }
}

/// Visits `schema` and all in it, each before what is in it.
fn each(schema: &mut Value, mut visit: impl FnMut(&mut Value)) {
    let mut left = vec![schema];
    while let Some(schema) = left.pop() {
        visit(schema);
        let Value::Object(keys) = schema else { continue };
        for (key, value) in keys.iter_mut() {
            let key = key.as_str();
            if ONE.contains(&key) && !value.is_array() {
                left.push(value);
                continue;
            }
            match value {
                Value::Object(named) if NAMED.contains(&key) => left.extend(named.values_mut()),
                Value::Array(list) if LIST.contains(&key) => left.extend(list),
                _ => {}
            }
        }
    }
}

fn anything() -> Value {
    json!({"$ref": format!("#/$defs/{ANYTHING}")})
}

/// Whether a schema says nothing, but for its title or description.
fn is_anything(schema: &Value) -> bool {
    match schema {
        Value::Bool(anything) => *anything,
        Value::Object(keys) => {
            keys.keys().all(|key| matches!(key.as_str(), "title" | "description" | "default"))
        }
        _ => false,
    }
}

/// Whether it says that a value may be of one of `kinds`, and not which.
fn allows(keys: &Map<String, Value>, kinds: &[&str]) -> bool {
    let wanted = |kind: &Value| kind.as_str().is_some_and(|kind| kinds.contains(&kind));
    let is_literal = keys.contains_key("enum") || keys.contains_key("const");
    !is_literal
        && match keys.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().any(wanted),
            Some(kind) => wanted(kind),
            None => false,
        }
}

fn bound_one(keys: &mut Map<String, Value>) {
    let given = |name: &str, other: &str| {
        let exclusive = keys.get(other).and_then(Value::as_f64);
        keys.get(name).and_then(Value::as_f64).or(exclusive)
    };
    let least = given("minimum", "exclusiveMinimum");
    let most = given("maximum", "exclusiveMaximum");
    // One bound beyond what is exact: the client knows why, and the other lies further still.
    if least.is_none() {
        let beyond = most.is_some_and(|most| most <= -(MOST as f64));
        keys.insert("minimum".to_owned(), if beyond { json!(-FARTHEST) } else { json!(-MOST) });
    }
    if most.is_none() {
        let beyond = least.is_some_and(|least| least >= MOST as f64);
        keys.insert("maximum".to_owned(), if beyond { json!(FARTHEST) } else { json!(MOST) });
    }
}

/// Cuts the bounds to what the compiler can compute with, towards the numbers that they leave.
fn cut(keys: &mut Map<String, Value>) {
    for (name, is_least) in [
        ("minimum", true),
        ("exclusiveMinimum", true),
        ("maximum", false),
        ("exclusiveMaximum", false),
    ] {
        let Some(Value::Number(number)) = keys.get(name) else { continue };
        let Some(bound) = number.as_f64() else { continue };
        let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
        // An integer that a float does not hold is a float that may lie outside of it.
        let float = whole(bound);
        let held = match integer {
            Some(integer) if is_least && float < integer => bound.next_up(),
            Some(integer) if !is_least && float > integer => bound.next_down(),
            _ => bound,
        };
        let held = held.clamp(-FARTHEST, FARTHEST);
        if held.total_cmp(&bound).is_ne() {
            keys.insert(name.to_owned(), json!(held));
        }
    }
}

/// `float` without its fraction; beyond all integers of 64 bits it need not be exact.
#[expect(clippy::cast_possible_truncation, reason = "it is compared with integers of 64 bits")]
pub(super) fn whole(float: f64) -> i128 {
    float as i128
}

/// Whether the bounds leave room for numbers of [`STEP`].
fn has_room(keys: &Map<String, Value>) -> bool {
    let bound = |name: &str| keys.get(name).and_then(Value::as_f64);
    let names = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
    let coarse = |bound: f64| bound == 0.0 || bound.abs() >= LEAST_BOUND;
    let least = bound("minimum").into_iter().chain(bound("exclusiveMinimum")).reduce(f64::max);
    let most = bound("maximum").into_iter().chain(bound("exclusiveMaximum")).reduce(f64::min);
    let (Some(least), Some(most)) = (least, most) else { return true };
    // The compiler finds multiples with the precision of a float.
    let precision = least.abs().max(most.abs()) * f64::EPSILON;
    names.iter().filter_map(|name| bound(name)).all(coarse)
        && most - least >= 4.0 * STEP.max(precision)
}

#[cfg(test)]
mod tests;

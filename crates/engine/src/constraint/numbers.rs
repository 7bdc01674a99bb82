//! Default bounds of numbers in schemas, within what every JSON parser can read.
//!
//! Without bounds, small models write digits until the context is full. Unless the schema states
//! otherwise, numbers are limited to ± (2⁵³ − 1), eight decimals and no exponent.

use serde_json::{Map, Value, json};

/// Largest integer up to which a 64-bit float is exact: 2⁵³ − 1.
const MOST: i64 = 9_007_199_254_740_991;
/// Largest float that is a 64-bit integer: bounds are clamped to ± this, because the compiler
/// computes with 64-bit integers.
pub(super) const FARTHEST: f64 = 9_223_372_036_854_774_784.0;
/// Step between two numbers, the smallest that the compiler's arithmetic allows.
const STEP: f64 = 1e-8;
/// Smallest nonzero bound for which the default step is used.
const LEAST_BOUND: f64 = 1e-3;

/// Name of the definition of an arbitrary value.
const ANYTHING: &str = "harmonic:anything";

/// Keywords with one subschema.
const ONE: [&str; 3] = ["additionalProperties", "items", "additionalItems"];
/// Keywords with a list of subschemas.
const LIST: [&str; 5] = ["prefixItems", "items", "allOf", "anyOf", "oneOf"];
/// Keywords with a map of subschemas.
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// Adds bounds to `schema` wherever it allows numbers, explicitly or by leaving the type open. Its
/// own bounds stay.
pub(super) fn bound(schema: &mut Value) {
    let (mut merges, mut steps) = (false, false);
    each(schema, |schema| {
        merges |= schema.get("allOf").is_some();
        steps |= schema.get("multipleOf").is_some();
    });
    // With `multipleOf` anywhere, no steps are added, and with `allOf` open values stay open:
    // merged, they could contradict.
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

/// Visits `schema` and all its subschemas, parents first.
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

/// Whether a schema has no keywords but annotations.
fn is_anything(schema: &Value) -> bool {
    match schema {
        Value::Bool(anything) => *anything,
        Value::Object(keys) => {
            keys.keys().all(|key| matches!(key.as_str(), "title" | "description" | "default"))
        }
        _ => false,
    }
}

/// Whether its `type` allows one of `kinds`, without literal values.
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
    // If the schema's own bound lies beyond the default, the added one is the farthest.
    if least.is_none() {
        let beyond = most.is_some_and(|most| most <= -(MOST as f64));
        keys.insert("minimum".to_owned(), if beyond { json!(-FARTHEST) } else { json!(-MOST) });
    }
    if most.is_none() {
        let beyond = least.is_some_and(|least| least >= MOST as f64);
        keys.insert("maximum".to_owned(), if beyond { json!(FARTHEST) } else { json!(MOST) });
    }
}

/// Rounds the bounds to values that the compiler can represent, inwards.
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
        // An integer without an exact float may round to a float outside the bound.
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

/// `float` without its fraction; need not be exact beyond 64-bit integers.
#[expect(clippy::cast_possible_truncation, reason = "compared with 64-bit integers")]
pub(super) fn whole(float: f64) -> i128 {
    float as i128
}

/// Whether the bounds leave room for multiples of [`STEP`].
fn has_room(keys: &Map<String, Value>) -> bool {
    let bound = |name: &str| keys.get(name).and_then(Value::as_f64);
    let names = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
    let coarse = |bound: f64| bound == 0.0 || bound.abs() >= LEAST_BOUND;
    let least = bound("minimum").into_iter().chain(bound("exclusiveMinimum")).reduce(f64::max);
    let most = bound("maximum").into_iter().chain(bound("exclusiveMaximum")).reduce(f64::min);
    let (Some(least), Some(most)) = (least, most) else { return true };
    // The compiler finds multiples with float precision.
    let precision = least.abs().max(most.abs()) * f64::EPSILON;
    names.iter().filter_map(|name| bound(name)).all(coarse)
        && most - least >= 4.0 * STEP.max(precision)
}

#[cfg(test)]
mod tests;

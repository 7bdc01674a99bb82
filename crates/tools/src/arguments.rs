//! Check of a call's arguments against the tool's JSON Schema.
//!
//! Owns: the compiled schema and the bounds of the check. Invariants: references lead into the
//! schema itself; what a check costs is known before it is made.
//! Does not do: fetch schemas.

mod cost;

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value};

use crate::limits::{
    ARGUMENT_BYTES, ARGUMENT_DEPTH, ARGUMENT_VALUES, SCHEMA_BYTES, VALIDATION_STEPS,
};
use crate::output::quoted;

/// Problems that are named at once.
const NAMED_PROBLEMS: usize = 5;

/// Maximum number of steps back in one match of an expression.
const BACKTRACKING: usize = 10_000;

/// Maximum size of a compiled expression, in bytes.
const COMPILED_EXPRESSION: usize = 1 << 20;

/// A tool's schema, ready to check arguments.
#[derive(Debug)]
pub struct ArgumentSchema {
    schema: Value,
    validator: Validator,
}

impl ArgumentSchema {
    /// The check of arguments against `schema`.
    ///
    /// # Errors
    /// Why `schema` cannot be checked, in words.
    pub fn compile(schema: &Value) -> Result<Self, String> {
        let size = serde_json::to_vec(schema).map_or(usize::MAX, |json| json.len());
        if size > SCHEMA_BYTES {
            return Err(format!("its schema has {size} bytes: expected {SCHEMA_BYTES} at most"));
        }
        cost::steps(schema, 1).map_err(|problem| format!("its schema {problem}"))?;
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(BACKTRACKING)
            .size_limit(COMPILED_EXPRESSION)
            .dfa_size_limit(COMPILED_EXPRESSION);
        let validator = jsonschema::options()
            .with_pattern_options(patterns)
            .build(schema)
            .map_err(|error| format!("its schema is invalid: {}", quoted(&error.to_string())))?;
        Ok(Self { schema: schema.clone(), validator })
    }

    /// Checks `arguments`.
    ///
    /// # Errors
    /// What is wrong with `arguments`, and where, for a model that is to correct them.
    pub fn check(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        let size = Size::of(arguments);
        if size.depth > ARGUMENT_DEPTH {
            return Err(format!("they are nested deeper than {ARGUMENT_DEPTH} levels"));
        }
        if size.values > ARGUMENT_VALUES {
            return Err(format!("they have {} values of {ARGUMENT_VALUES} allowed", size.values));
        }
        if size.bytes > ARGUMENT_BYTES {
            return Err(format!("they have {} bytes of {ARGUMENT_BYTES} allowed", size.bytes));
        }
        let steps = cost::steps(&self.schema, size.depth)?;
        if steps.saturating_mul(size.values as u64) > VALIDATION_STEPS {
            return Err("they are too large and nested for the tool's schema".to_owned());
        }
        let arguments = Value::Object(arguments.clone());
        let problems: Vec<String> = self
            .validator
            .iter_errors(&arguments)
            .take(NAMED_PROBLEMS)
            .map(|error| {
                let place = error.instance_path().to_string();
                let what = quoted(&error.masked().to_string());
                if place.is_empty() { what } else { format!("at {}: {what}", quoted(&place)) }
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }
}

/// Size of arguments.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    depth: usize,
    values: usize,
    bytes: usize,
}

impl Size {
    /// Counted without recursion, since nothing says how deep they are.
    fn of(arguments: &Map<String, Value>) -> Self {
        let mut size = Self { depth: 1, values: 1, bytes: 0 };
        let mut open: Vec<(&Value, usize)> = Vec::new();
        let fields = |map: &Map<String, Value>, size: &mut Self| {
            size.bytes += map.keys().map(String::len).sum::<usize>();
        };
        fields(arguments, &mut size);
        open.extend(arguments.values().map(|value| (value, 2)));
        while let Some((value, depth)) = open.pop() {
            size.values += 1;
            size.depth = size.depth.max(depth);
            if size.values > ARGUMENT_VALUES || depth > ARGUMENT_DEPTH {
                break;
            }
            match value {
                Value::String(text) => size.bytes += text.len(),
                Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
                Value::Object(map) => {
                    fields(map, &mut size);
                    open.extend(map.values().map(|value| (value, depth + 1)));
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => size.bytes += 8,
            }
        }
        size
    }
}

#[cfg(test)]
mod tests;

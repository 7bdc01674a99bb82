//! Upper bound of what a check against a schema costs, known before the check.
//!
//! A part of the schema is applied to a value in place (`allOf`, `$ref`, …) or to the values within
//! it (`properties`, `items`, …). Alternatives that meet the same value at each level multiply, so a
//! short schema can cost more than any machine has; a loop of references in place never ends.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::limits::SCHEMA_DEPTH;

/// Keywords whose schemas apply to the same value: one schema, or a list.
const IN_PLACE: [&str; 8] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref"];

/// Keywords with schemas by name that apply to the same value.
const IN_PLACE_NAMED: [&str; 2] = ["dependentSchemas", "dependencies"];

/// Keywords whose schemas apply to the values within: one schema, or a list.
const WITHIN: [&str; 8] = [
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "additionalProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Steps that one value of arguments `depth` levels deep can cost.
///
/// # Errors
/// What the bound cannot be given for, to be put after "its schema".
pub(super) fn steps(schema: &Value, depth: usize) -> Result<u64, String> {
    let mut bound = Bound { root: schema, known: HashMap::new(), open: 0 };
    bound.of(schema, depth)
}

struct Bound<'a> {
    root: &'a Value,
    /// By address of the part and depth; `None` while it is being computed.
    known: HashMap<(usize, usize), Option<u64>>,
    open: usize,
}

impl<'a> Bound<'a> {
    fn of(&mut self, part: &'a Value, depth: usize) -> Result<u64, String> {
        let Value::Object(keywords) = part else { return Ok(1) };
        let key = (std::ptr::from_ref(part).addr(), depth);
        match self.known.get(&key) {
            Some(Some(steps)) => return Ok(*steps),
            Some(None) => return Err("refers to itself without end".to_owned()),
            None => {}
        }
        self.open += 1;
        if self.open > SCHEMA_DEPTH * 2 {
            return Err(format!("is nested deeper than {SCHEMA_DEPTH} levels"));
        }
        self.known.insert(key, None);
        let is_root = std::ptr::eq(part, self.root);
        if !is_root
            && ["$id", "id"].iter().any(|id| keywords.get(*id).is_some_and(Value::is_string))
        {
            return Err("has a part with an `$id`, which is not supported: remove it".to_owned());
        }
        let steps = self.of_keywords(keywords, depth)?;
        self.known.insert(key, Some(steps));
        self.open -= 1;
        Ok(steps)
    }

    fn of_keywords(
        &mut self,
        keywords: &'a Map<String, Value>,
        depth: usize,
    ) -> Result<u64, String> {
        let mut in_place: u64 = 0;
        for keyword in IN_PLACE {
            match keywords.get(keyword) {
                Some(Value::String(reference)) if keyword == "$ref" => {
                    let target = self.resolve(reference)?;
                    in_place = in_place.saturating_add(self.of(target, depth)?);
                }
                Some(value) => in_place = in_place.saturating_add(self.sum(value, depth)?),
                None => {}
            }
        }
        for keyword in IN_PLACE_NAMED {
            for part in named(keywords, keyword) {
                in_place = in_place.saturating_add(self.of(part, depth)?);
            }
        }
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if keywords.contains_key(keyword) {
                return Err(format!("has `{keyword}`, which is not supported: use `$ref`"));
            }
        }
        // What has been evaluated is found by another pass over what applies in place.
        if keywords.keys().any(|keyword| keyword.starts_with("unevaluated")) {
            in_place = in_place.saturating_mul(2);
        }
        let mut steps = in_place.saturating_add(keywords.len() as u64).saturating_add(1);
        let Some(within) = depth.checked_sub(1) else { return Ok(steps) };
        for keyword in WITHIN {
            if let Some(value) = keywords.get(keyword) {
                steps = steps.saturating_add(self.sum(value, within)?);
            }
        }
        // A value has one name.
        let mut largest = 0;
        for part in named(keywords, "properties") {
            largest = largest.max(self.of(part, within)?);
        }
        steps = steps.saturating_add(largest);
        for part in named(keywords, "patternProperties") {
            steps = steps.saturating_add(self.of(part, within)?);
        }
        Ok(steps)
    }

    /// Of one schema, or of each in a list.
    fn sum(&mut self, value: &'a Value, depth: usize) -> Result<u64, String> {
        let Value::Array(parts) = value else { return self.of(value, depth) };
        parts.iter().try_fold(0u64, |sum, part| Ok(sum.saturating_add(self.of(part, depth)?)))
    }

    fn resolve(&self, reference: &str) -> Result<&'a Value, String> {
        let pointer =
            reference.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let unknown = || {
            format!(
                "refers to `{}`: expected a part of itself, such as `#/$defs/NAME`",
                crate::output::quoted(reference)
            )
        };
        self.root.pointer(pointer.ok_or_else(unknown)?).ok_or_else(unknown)
    }
}

fn named<'a>(
    keywords: &'a Map<String, Value>,
    keyword: &str,
) -> impl Iterator<Item = &'a Value> + use<'a> {
    keywords.get(keyword).and_then(Value::as_object).into_iter().flat_map(Map::values)
}

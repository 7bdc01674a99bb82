//! Size of JSON Schemas.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::nodes::{Node, check_steps, depth_and_merged, refuse_loops};
use super::productive::{Need, all_productive};
use super::{Size, SizeError, numbers, pattern};
use crate::constraint::limits;

/// Keywords with one subschema for parts of the value.
const PART: [&str; 3] = ["additionalProperties", "items", "additionalItems"];
/// Keywords with a list of such subschemas.
const PARTS: [&str; 2] = ["prefixItems", "items"];
/// Keywords with a map of such subschemas.
const NAMED: [&str; 2] = ["properties", "patternProperties"];
/// Keywords with subschemas for the same value.
const IN_PLACE: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords without assertions.
const ANNOTATIONS: [&str; 14] = [
    "$defs",
    "definitions",
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "readOnly",
    "writeOnly",
    "examples",
    "deprecated",
    "contentMediaType",
    "contentEncoding",
];
/// Keywords that require a minimum number.
const DEMANDS: [&str; 3] = ["minItems", "minLength", "minProperties"];

/// Measures a schema and rejects unsatisfiable ones. The bytes of its text are counted by the
/// caller.
pub(in crate::constraint) fn measure(root: &Value) -> Result<Size, SizeError> {
    let mut graph =
        Graph { root, indices: HashMap::new(), found: Vec::new(), size: Size::default() };
    graph.index(root);
    let mut nodes = Vec::new();
    // `found` grows during the loop.
    while let Some(schema) = graph.found.get(nodes.len()).copied() {
        let is_root = nodes.is_empty();
        nodes.push(graph.node(schema, is_root)?);
    }
    let mut size = Size { nodes: nodes.len(), ..graph.size };
    // Checked without definitions first: a long chain is reported as too deep.
    Size { definitions: 0, ..size }.check()?;
    refuse_loops(&nodes)?;
    let (depth, merged) = depth_and_merged(&nodes);
    size = Size { depth, merged, ..size };
    size.check()?;
    check_steps(&nodes)?;
    let needs: Vec<&Need> = nodes.iter().map(|node| &node.need).collect();
    if !all_productive(&needs).first().copied().unwrap_or(true) {
        let reason = "no answer satisfies it: each would have to contain itself without end, so \
                      leave out one of the required parts that lead back to where they stand";
        return Err(SizeError::Invalid(reason.to_owned()));
    }
    Ok(size)
}

struct Graph<'a> {
    root: &'a Value,
    indices: HashMap<*const Value, usize>,
    found: Vec<&'a Value>,
    size: Size,
}

impl<'a> Graph<'a> {
    /// Index of a schema, identified by its address.
    fn index(&mut self, schema: &'a Value) -> usize {
        let next = self.found.len();
        let index = *self.indices.entry(std::ptr::from_ref(schema)).or_insert(next);
        if index == next {
            self.found.push(schema);
        }
        index
    }

    fn node(&mut self, schema: &'a Value, is_root: bool) -> Result<Node, SizeError> {
        let mut node = Node::default();
        let keys = match schema {
            Value::Object(keys) => keys,
            Value::Bool(false) => {
                node.need.never();
                return Ok(node);
            }
            // The compiler reports invalid schemas.
            _ => return Ok(node),
        };
        if let (false, Some(Value::String(id))) = (is_root, keys.get("$id")) {
            let id = short(id);
            let reason = format!(
                "the part with the `$id` `{id}` is a document of its own: move it to \
                                  `$defs` and leave out its `$id`"
            );
            return Err(SizeError::Invalid(reason));
        }
        self.measure_keywords(keys)?;
        node.step = numbers::measure(keys)?;
        for name in NAMED {
            let Some(Value::Object(named)) = keys.get(name) else { continue };
            for part in named.values() {
                node.parts.push(self.index(part));
            }
        }
        for name in PART {
            let part = keys.get(name).filter(|part| !part.is_array());
            node.parts.extend(part.map(|part| self.index(part)));
        }
        for name in PARTS {
            let Some(Value::Array(parts)) = keys.get(name) else { continue };
            for part in parts {
                node.parts.push(self.index(part));
            }
        }
        let asserts = keys.keys().filter(|key| {
            let key = key.as_str();
            !ANNOTATIONS.contains(&key) && !IN_PLACE.contains(&key) && key != "$ref"
        });
        let asserts = asserts.count() > 0;
        let mut applied = 0;
        for name in IN_PLACE {
            let Some(Value::Array(schemas)) = keys.get(name) else { continue };
            let indices: Vec<usize> = schemas.iter().map(|schema| self.index(schema)).collect();
            applied += 1;
            node.merges |= name == "allOf" && schemas.len() > 1;
            if name == "allOf" {
                node.need.all(indices.iter().copied());
            } else {
                self.size.alternatives += schemas.len();
                refuse_many_open(schemas)?;
                node.need.any(indices.clone());
            }
            node.in_place.extend(indices);
        }
        if let Some(Value::String(reference)) = keys.get("$ref") {
            applied += 1;
            if let Some(target) = self.resolve(reference)? {
                let before = self.found.len();
                let index = self.index(target);
                self.size.definitions += usize::from(self.found.len() > before);
                node.need.all([index]);
                node.in_place.push(index);
            }
        }
        node.merges |= applied > 1 || (applied == 1 && asserts);
        self.need_of_parts(keys, &mut node.need);
        Ok(node)
    }

    /// Counts the keywords of a schema other than subschemas.
    fn measure_keywords(&mut self, keys: &Map<String, Value>) -> Result<(), SizeError> {
        for name in DEMANDS {
            let value = keys.get(name).and_then(Value::as_u64).unwrap_or(0);
            if value > limits::DEMANDED {
                return Err(SizeError::Limit {
                    what: "items, characters or properties that it demands at one place",
                    value,
                    limit: limits::DEMANDED,
                    remedy: "no answer is that long, so ask for fewer",
                });
            }
        }
        let length = |name: &str| match keys.get(name) {
            Some(Value::Object(map)) => map.len(),
            Some(Value::Array(list)) => list.len(),
            _ => 0,
        };
        self.properties(length("properties").max(length("required")));
        let patterned = length("patternProperties");
        if patterned > limits::PATTERN_PROPERTIES {
            return Err(SizeError::Limit {
                what: "`patternProperties` in one object",
                value: patterned as u64,
                limit: limits::PATTERN_PROPERTIES as u64,
                remedy: "name the properties instead",
            });
        }
        if let Some(Value::Object(named)) = keys.get("patternProperties") {
            for text in named.keys() {
                self.size = self.size.with(pattern::measure(text)?);
            }
        }
        if let Some(Value::String(text)) = keys.get("pattern") {
            self.size = self.size.with(pattern::measure(text)?);
        }
        if let Some(Value::Array(values)) = keys.get("enum") {
            for value in values {
                self.value("enum", value)?;
            }
        }
        if let Some(value) = keys.get("const") {
            self.value("const", value)?;
        }
        Ok(())
    }

    fn properties(&mut self, count: usize) {
        self.size.properties = self.size.properties.max(count);
        self.size.all_properties += count;
    }

    /// Counts a literal value with all its parts.
    fn value(&mut self, keyword: &str, value: &Value) -> Result<(), SizeError> {
        let mut left = vec![value];
        while let Some(value) = left.pop() {
            self.size.values += 1;
            match value {
                Value::Array(items) => left.extend(items),
                Value::Object(members) => {
                    self.properties(members.len());
                    left.extend(members.values());
                }
                Value::Number(number) => numbers::literal(keyword, number)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Target of a reference; `None` if missing, which the compiler reports.
    fn resolve(&self, reference: &str) -> Result<Option<&'a Value>, SizeError> {
        let wrong = |why: &str| {
            let reference = short(reference);
            Err(SizeError::Invalid(format!(
                "the reference `{reference}` {why}: write `#/$defs/NAME`"
            )))
        };
        let Some(path) = reference.strip_prefix('#') else {
            return wrong("leads out of the schema");
        };
        if !path.is_empty() && !path.starts_with('/') {
            return wrong("is not a path from the root");
        }
        // The compiler does not decode names.
        if path.contains(['~', '%']) {
            return wrong("has escapes, which are not read");
        }
        Ok(self.root.pointer(path))
    }

    /// Adds the parts that must be productive for a value of the allowed type.
    fn need_of_parts(&mut self, keys: &'a Map<String, Value>, need: &mut Need) {
        let Some(Value::String(kind)) = keys.get("type") else { return };
        match kind.as_str() {
            "object" => {
                let (Some(Value::Array(required)), Some(Value::Object(properties))) =
                    (keys.get("required"), keys.get("properties"))
                else {
                    return;
                };
                let required = required.iter().filter_map(Value::as_str);
                let parts: Vec<usize> = required
                    .filter_map(|name| properties.get(name))
                    .map(|part| self.index(part))
                    .collect();
                need.all(parts);
            }
            "array" => {
                let least = keys.get("minItems").and_then(Value::as_u64).unwrap_or(0);
                let least = usize::try_from(least).unwrap_or(usize::MAX);
                let list = |name| keys.get(name).and_then(Value::as_array);
                let first = list("prefixItems").or(list("items")).map_or(&[][..], Vec::as_slice);
                let parts: Vec<usize> =
                    first.iter().take(least).map(|part| self.index(part)).collect();
                need.all(parts);
                let rest = keys.get("items").filter(|items| !items.is_array());
                if let (true, Some(items)) = (least > first.len(), rest) {
                    let items = self.index(items);
                    need.all([items]);
                }
            }
            _ => {}
        }
    }
}

/// Rejects more open objects among `alternatives` than the parser supports at once.
fn refuse_many_open(alternatives: &[Value]) -> Result<(), SizeError> {
    let open = |schema: &&Value| {
        schema.get("type").is_some_and(|kind| kind == "object")
            && schema.get("additionalProperties") != Some(&Value::Bool(false))
    };
    let count = alternatives.iter().filter(open).count();
    if count <= limits::OPEN_ALTERNATIVES {
        return Ok(());
    }
    Err(SizeError::Limit {
        what: "objects among the alternatives at one place that may have properties which they do \
               not name",
        value: count as u64,
        limit: limits::OPEN_ALTERNATIVES as u64,
        remedy: "give them `additionalProperties: false`, or use fewer",
    })
}

/// Name from the client, truncated.
fn short(name: &str) -> String {
    let beginning: String = name.chars().take(80).collect();
    if beginning.len() < name.len() { beginning + "…" } else { beginning }
}

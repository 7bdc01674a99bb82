//! Bounds added to schemas.

use serde_json::{Value, json};

use super::bound;

fn bounded(schema: &Value) -> Value {
    let mut schema = schema.clone();
    bound(&mut schema);
    schema
}

#[test]
fn numbers_without_bounds_get_some() {
    let most = 9_007_199_254_740_991_i64;
    let integer = json!({"type": "integer", "minimum": -most, "maximum": most});
    assert_eq!(bounded(&json!({"type": "integer"})), integer);
    let number = json!({"type": "number", "minimum": -most, "maximum": most, "multipleOf": 1e-8});
    assert_eq!(bounded(&json!({"type": "number"})), number);
    let nested =
        json!({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}});
    assert_eq!(bounded(&nested)["items"]["anyOf"][0], integer);
    let named = json!({"$defs": {"n": {"type": ["integer", "null"]}}, "$ref": "#/$defs/n"});
    assert_eq!(bounded(&named)["$defs"]["n"]["maximum"], most);
}

#[test]
fn bounds_and_steps_of_the_schema_stay() {
    let one_sided = bounded(&json!({"type": "integer", "exclusiveMinimum": 5}));
    assert_eq!(one_sided["exclusiveMinimum"], 5);
    assert_eq!(one_sided.get("minimum"), None);
    assert!(one_sided["maximum"].is_i64());
    for whole in [
        json!({"type": "integer", "minimum": 0, "maximum": 9}),
        json!({"enum": [1, 2]}),
        json!({"type": "number", "minimum": 0, "maximum": 1e-6}),
    ] {
        assert_eq!(bounded(&whole), whole);
    }
    let stepped = json!({"type": "number", "multipleOf": 0.5});
    assert_eq!(bounded(&stepped)["multipleOf"], 0.5);
    let merged = json!({"allOf": [{"type": "object"}, {"type": "array"}]});
    assert_eq!(bounded(&merged), merged);
}

#[test]
fn what_is_left_open_is_anything_with_bounded_numbers() {
    let open = bounded(&json!({"type": "object", "properties": {"x": {"description": "any"}}}));
    let anything = json!({"$ref": "#/$defs/harmonic:anything"});
    assert_eq!(open["properties"]["x"], anything);
    assert_eq!(open["additionalProperties"], anything);
    assert!(open["$defs"]["harmonic:anything"]["anyOf"][1]["maximum"].is_i64());
    let closed = json!({"type": "object", "properties": {}, "additionalProperties": false});
    assert_eq!(bounded(&closed), closed);
}

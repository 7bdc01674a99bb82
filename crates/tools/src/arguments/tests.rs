use super::*;
use proptest::prelude::*;
use serde_json::json;

fn check(schema: &Value, arguments: Value) -> Result<(), String> {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    ArgumentSchema::compile(schema)?.check(&arguments)
}

fn refused(schema: &Value) -> String {
    ArgumentSchema::compile(schema).expect_err("not a schema to be used")
}

#[test]
fn a_model_learns_what_is_wrong_and_where() {
    let schema = json!({
        "type": "object",
        "properties": {"path": {"type": "string"}, "at": {"type": "array", "items": {"type": "integer"}}},
        "required": ["path"],
        "additionalProperties": false,
    });
    assert_eq!(check(&schema, json!({"path": "a", "at": [1]})), Ok(()));
    let found = check(&schema, json!({"at": [1, "secret"], "b": 2})).expect_err("three problems");
    for part in
        ["at /at/1: value is not of type \"integer\"", "\"path\" is a required property", "'b'"]
    {
        assert!(found.contains(part), "{found}");
    }
    assert!(!found.contains("secret"), "{found}");
}

#[test]
fn schemas_that_would_never_end_are_refused() {
    let itself = json!({"$ref": "#"});
    assert!(refused(&itself).contains("refers to itself"), "{}", refused(&itself));
    let round = json!({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}},
        "$ref": "#/$defs/a"});
    assert!(refused(&round).contains("refers to itself"));
    let remote = json!({"properties": {"a": {"$ref": "https://example.org/schema"}}});
    assert!(refused(&remote).contains("expected a part of itself"));
    let dangling = json!({"$ref": "#/$defs/none"});
    assert!(refused(&dangling).contains("#/$defs/none"));
    let mut deep = json!({"type": "string"});
    for _ in 0..500 {
        deep = json!({"not": deep});
    }
    assert!(refused(&deep).contains("nested deeper"));
    assert!(refused(&json!({"type": "nonsense"})).contains("invalid"));
    assert!(refused(&json!({"pattern": "("})).contains("invalid"));
}

#[test]
fn a_recursive_schema_is_checked_as_long_as_it_is_cheap() {
    let tree = json!({"$defs": {"node": {"type": "object", "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}},
        "$ref": "#/$defs/node"});
    let mut value = json!({"name": 1});
    for _ in 0..10 {
        value = json!({"name": "x", "children": [value]});
    }
    let found = check(&tree, value).expect_err("a wrong name");
    assert!(found.contains("is not of type \"string\""), "{found}");
}

#[test]
fn a_schema_whose_alternatives_multiply_is_not_tried() {
    let doubling = json!({"anyOf": [
        {"properties": {"a": {"$ref": "#"}}, "required": ["b"]},
        {"properties": {"a": {"$ref": "#"}}, "required": ["c"]},
        {"properties": {"a": {"$ref": "#"}}, "required": ["d"]}]});
    let mut value = json!({});
    for _ in 0..28 {
        value = json!({"a": value});
    }
    let found = check(&doubling, value).expect_err("refused");
    assert!(found.contains("too large and nested"), "{found}");
}

#[test]
fn an_expression_that_backtracks_without_end_ends() {
    let schema = json!({"properties": {"a": {"pattern": "^(?=(a+)+$)(a|aa)+\\1$"}}});
    check(&schema, json!({"a": format!("{}b", "a".repeat(50_000))})).expect_err("no match");
    assert!(refused(&json!({"pattern": "(((a{1000}){1000}){1000})"})).contains("invalid"));
}

#[test]
fn arguments_beyond_the_bounds_are_refused() {
    let any = json!({});
    let mut deep = json!(1);
    for _ in 0..100_000 {
        deep = Value::Array(vec![deep]);
    }
    let mut arguments = Map::new();
    arguments.insert("a".to_owned(), deep);
    let schema = ArgumentSchema::compile(&any).expect("valid");
    assert!(schema.check(&arguments).expect_err("deep").contains("nested"));
    // Dropping a value recurses.
    let mut open = vec![arguments.remove("a").expect("put there")];
    while let Some(value) = open.pop() {
        if let Value::Array(items) = value {
            open.extend(items);
        }
    }
    assert!(check(&any, json!({"a": vec![0; 20_000]})).expect_err("many").contains("values"));
    let long = "x".repeat(2 << 20);
    assert!(check(&any, json!({"a": long})).expect_err("long").contains("bytes"));
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"$ref": "#"})),
        Just(json!({"$ref": "#/$defs/a"})),
        Just(json!({"minimum": 3})),
        Just(json!(true)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({"anyOf": parts})),
            inner.clone().prop_map(|part| json!({"properties": {"a": part}})),
            inner.clone().prop_map(|part| json!({"items": part, "unevaluatedItems": false})),
            (inner.clone(), inner).prop_map(|(a, b)| json!({"$defs": {"a": a}, "allOf": [b]})),
        ]
    })
}

proptest! {
    #[test]
    fn every_schema_that_is_taken_gives_an_answer(schema in schemas(), depth in 0usize..20) {
        let Ok(schema) = ArgumentSchema::compile(&schema) else { return Ok(()) };
        let mut value = json!({"a": "x"});
        for level in 0..depth {
            value = if level % 3 == 0 { json!([value, value]) } else { json!({"a": value}) };
        }
        let mut arguments = Map::new();
        arguments.insert("a".to_owned(), value);
        let _either = schema.check(&arguments);
    }
}

//! Forms rejected before compilation, and common ones that are accepted.

use std::fmt::Write as _;

use harmonic_types::{Format, Tool};
use serde_json::{Map, Value, json};

use super::super::{CallForm, Form};

fn schema(schema: &Value) -> Result<Form, String> {
    Form::of(&Format::JsonSchema(schema.to_string())).map_err(|error| error.to_string())
}

fn refusal(form: Result<Form, String>) -> String {
    form.expect_err("a form beyond the limits")
}

fn lark(text: impl Into<String>) -> Result<Form, String> {
    Form::of(&Format::Grammar(text.into())).map_err(|error| error.to_string())
}

fn regex(text: impl Into<String>) -> Result<Form, String> {
    Form::of(&Format::Regex(text.into())).map_err(|error| error.to_string())
}

#[test]
fn a_reference_with_escapes_is_refused_as_such() {
    for name in ["a~1b", "%C3%A4"] {
        let plain = json!({"$defs": {"a/b": true, "ä": true}, "$ref": format!("#/$defs/{name}")});
        let refusal = refusal(schema(&plain));
        let expected = format!("`#/$defs/{name}` has escapes, which are not read");
        assert!(refusal.contains(&expected), "{refusal}");
    }
}

/// A chain of definitions, each referring to the next through `link`.
fn chain(length: usize, link: impl Fn(Value) -> Value) -> Value {
    let mut definitions: Map<String, Value> = (0..length)
        .map(|at| (format!("a{at}"), link(json!({"$ref": format!("#/$defs/a{}", at + 1)}))))
        .collect();
    definitions.insert(format!("a{length}"), json!({"type": "string"}));
    json!({"$defs": definitions, "$ref": "#/$defs/a0"})
}

#[expect(clippy::needless_pass_by_value, reason = "links of a chain are handed over")]
fn object(inner: Value) -> Value {
    json!({"type": "object", "properties": {"x": inner}, "required": ["x"]})
}

fn properties(count: usize) -> Value {
    let named: Map<String, Value> =
        (0..count).map(|at| (format!("p{at}"), json!({"type": "integer"}))).collect();
    let required: Vec<&String> = named.keys().collect();
    json!({"type": "object", "required": required, "properties": named})
}

#[test]
fn depth_is_bounded_through_references() {
    for deep in [
        chain(1000, object),
        chain(234, object),
        chain(593, |next| next),
        chain(200, |next| json!({"type": "array", "items": next})),
        chain(200, |next| json!({"anyOf": [next, {"type": "null"}]})),
    ] {
        let refusal = refusal(schema(&deep));
        assert!(refusal.contains("levels within one another"), "{refusal}");
        assert!(refusal.contains("at most 128"), "{refusal}");
    }
    schema(&chain(50, object)).expect("deep, but not too deep");
}

#[test]
fn width_is_bounded() {
    let limits = [
        (refusal(schema(&properties(4750))), "4750 properties in one object, and at most 1000"),
        (
            refusal(schema(&json!({"enum": (0..20_000).collect::<Vec<_>>()}))),
            "20000 values in `enum`, and at most 5000",
        ),
        (
            refusal(schema(&json!({"anyOf": vec![json!({"type": "object"}); 4000]}))),
            "4000 objects among the alternatives at one place",
        ),
        (
            refusal(schema(&json!({"const": vec![0; 20_000]}))),
            "20001 values in `enum`, and at most 5000",
        ),
        (
            refusal(schema(&json!({"type": "array", "minItems": 1_000_000_000}))),
            "1000000000 items, characters or properties",
        ),
        (
            refusal(schema(&json!({"type": "string", "pattern": "a?".repeat(60_000)}))),
            "120000 bytes of regular expressions, and at most 16384",
        ),
        (
            refusal(schema(&json!({"type": "string", "pattern": "(a{1000}){1000}"}))),
            "1000000 repetitions in a regular expression, nested ones multiplied",
        ),
        (
            refusal(schema(&json!({"description": "x".repeat(300_000)}))),
            "bytes, and at most 262144",
        ),
        (refusal(regex("a?".repeat(60_000))), "120000 bytes of regular expressions"),
        (refusal(regex("(".repeat(500) + &")".repeat(500))), "levels of a regular expression"),
        (
            refusal(lark((0..600).fold("start: \"a\"\n".to_owned(), |mut lark, at| {
                let _written = writeln!(lark, "r{at}: \"a\"");
                lark
            }))),
            "601 rules, and at most 500",
        ),
        (
            refusal(lark("start: ".to_owned() + &"\"a\" | ".repeat(20_000) + "\"b\"\n")),
            "20000 alternatives",
        ),
        (refusal(lark("start: ".to_owned() + &"(".repeat(5000) + "\"a\"")), "levels within"),
        (
            refusal(lark("start: /".to_owned() + &"a?".repeat(60_000) + "/\n")),
            "120000 bytes of regular",
        ),
        (refusal(lark(format!("start: %json {}\n", properties(2000)))), "2000 properties in one"),
    ];
    for (refusal, expected) in limits {
        assert!(refusal.contains(expected), "{refusal}, not {expected}");
    }
    let many: Vec<Value> =
        (0..2000).map(|at| json!({"type": "string", "pattern": format!("^.*a{at}.*$")})).collect();
    let refusal = refusal(schema(&json!({"allOf": many})));
    assert!(refusal.contains("regular expressions, and at most"), "{refusal}");
}

#[test]
fn what_grows_by_merging_is_bounded() {
    // Each definition merges the next twice.
    let definitions: Map<String, Value> = (0..20)
        .map(|at| {
            let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
            (format!("d{at}"), json!({"allOf": [next, next]}))
        })
        .chain([("d20".to_owned(), json!({"type": "object"}))])
        .collect();
    let refusal = refusal(schema(&json!({"$defs": definitions, "$ref": "#/$defs/d0"})));
    assert!(refusal.contains("subschemas to merge, references expanded"), "{refusal}");
}

#[test]
fn loops_and_endless_forms_are_refused() {
    let endless = json!({"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#"}}});
    for (wrong, expected) in [
        (json!({"$ref": "#"}), "leads back to itself"),
        (
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
                "$ref": "#/$defs/a"}),
            "leads back to itself",
        ),
        (json!({"anyOf": [{"$ref": "#"}, {"type": "string"}]}), "leads back to itself"),
        (json!({"allOf": [{"type": "object"}, {"$ref": "#"}]}), "leads back to itself"),
        (endless, "no answer satisfies it"),
        (json!({"type": "array", "minItems": 1, "items": {"$ref": "#"}}), "no answer satisfies it"),
        (json!(false), "no answer satisfies it"),
        (json!({"$ref": "https://example.com/schema"}), "leads out of the schema"),
        (json!({"$ref": "file:///etc/passwd"}), "leads out of the schema"),
        (json!({"$ref": "#name", "$defs": {"a": {"$anchor": "name"}}}), "not a path from the root"),
        (
            json!({"items": {"$id": "https://example.com/", "type": "string"}}),
            "a document of its own",
        ),
    ] {
        let refusal = refusal(schema(&wrong));
        assert!(refusal.contains(expected), "{wrong}: {refusal}");
    }
    for endless in [
        "start: start \"a\"\n",
        "start: \"a\" start\n",
        "start: a\na: (\"x\" b)+\nb: a | a \"c\"\n",
    ] {
        let refusal = refusal(lark(endless));
        assert!(refusal.contains("no answer satisfies it"), "{refusal}");
    }
}

#[test]
fn what_recurses_and_ends_is_accepted() {
    for good in [
        json!({"$defs": {"tree": {"type": "object", "required": ["children"], "properties": {
                "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}},
            "$ref": "#/$defs/tree"}),
        json!({"type": "object", "required": ["next"], "properties": {
            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}),
        json!({"allOf": [{"$ref": "#/$defs/one"}], "$defs": {"one": {"type": "string"}}}),
        properties(500),
        json!({"enum": (0..1000).map(|at| format!("city {at}")).collect::<Vec<_>>()}),
        json!({"type": "string", "maxLength": 2_147_483_647}),
        // A property may have the name of a keyword.
        json!({"type": "object", "properties": {"$ref": {"type": "string"}, "enum": {"type": "null"}}}),
    ] {
        schema(&good).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for good in [
        "start: expr\nexpr: term ((\"+\" | \"-\") term)*\nterm: NUMBER | \"(\" expr \")\"\nNUMBER: /[0-9]+/\n",
        "?start: a?\na: a \"x\" | \"y\"i  // a comment: with | and (\n",
        "start: \"a\" rest\n  | \"b\"\nrest: [start] \";\" | X~0..3\nX: \"x\"\n%ignore /[ \\t]+/\n",
        "start: \"x\" start{0,1} | start{,2} \"y\"{3}\n",
        "start: %json {\"type\": \"object\"} | r[capture]\nr[max_tokens=5]: <[5]> start\n",
    ] {
        lark(good).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
}

#[test]
fn the_tools_of_a_call_are_bounded_by_name_and_together() {
    let tool = |name: &str, parameters: &Value| Tool {
        name: name.to_owned(),
        description: None,
        parameters: parameters.to_string(),
    };
    let form = |tools: &[Tool]| {
        let forms: Vec<CallForm<'_>> = tools
            .iter()
            .map(|tool| CallForm { tool, strict: true, before: Vec::new(), after: Vec::new() })
            .collect();
        Form::of_call(&forms).map_err(|error| error.to_string())
    };
    let good = tool("good", &properties(3));
    let refused = refusal(form(&[good.clone(), tool("wide", &properties(1500))]));
    assert!(refused.contains("`wide`") && refused.contains("1500 properties"), "{refused}");
    let refused = refusal(form(&[good.clone(), tool("deep", &chain(300, object))]));
    assert!(refused.contains("`deep`"), "{refused}");
    let many: Vec<Tool> = (0..12).map(|at| tool(&format!("t{at}"), &properties(900))).collect();
    let refused = refusal(form(&many));
    assert!(refused.contains("this set of tools"), "{refused}");
    form(&[good.clone(), good]).expect("small tools");
}

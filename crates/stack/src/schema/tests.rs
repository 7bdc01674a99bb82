use std::path::Path;

use serde_json::Value;

use super::*;
use crate::{builtin_names, parse};

const FILE: &str = "stack.schema.json";

fn schema() -> Value {
    serde_json::from_str(&json_schema()).unwrap()
}

/// `HARMONIC_WRITE_SCHEMA=1 cargo test -p harmonic-stack schema` regenerates the file.
#[test]
fn the_file_equals_the_generated_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("HARMONIC_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, json_schema()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    // Compared as values: the order of keys depends on the features of serde_json that are enabled.
    assert!(
        serde_json::from_str::<Value>(&written).unwrap() == schema(),
        "{FILE} differs from the types: regenerate it with \
         `HARMONIC_WRITE_SCHEMA=1 cargo test -p harmonic-stack schema`"
    );
}

#[test]
fn a_name_and_agents_are_required_and_nothing_may_be_null() {
    assert_eq!(schema()["required"], serde_json::json!(["name", "agents"]));
    assert!(!json_schema().contains("null"), "{}", json_schema());
}

/// Asserts that every table of `document` has only keys listed in its part of the schema.
fn assert_known(document: &toml::Value, part: &Value, root: &Value) {
    let part = match part["$ref"].as_str() {
        Some(pointer) => root.pointer(pointer.trim_start_matches('#')).unwrap(),
        None => part,
    };
    match document {
        toml::Value::Table(table) => {
            assert_eq!(part["additionalProperties"], false, "{part}");
            for (key, value) in table {
                let known = &part["properties"][key];
                assert!(known.is_object(), "`{key}` is not in {part}");
                assert_known(value, known, root);
            }
        }
        toml::Value::Array(entries) => {
            for entry in entries {
                assert_known(entry, &part["items"], root);
            }
        }
        _ => assert!(part["type"].is_string(), "{part}"),
    }
}

#[test]
fn the_built_in_stacks_conform_to_it() {
    let root = schema();
    for name in builtin_names() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks").join(format!("{name}.toml"));
        let document: toml::Value =
            toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_known(&document, &root, &root);
    }
}

fn accepts(line: &str) -> bool {
    parse(&format!("name = \"t\"\n[[agents]]\nlike = \"coder\"\n{line}\n"), "t.toml").is_ok()
}

/// The limits are stated twice: as attributes of the document and in the parser.
#[test]
fn its_limits_are_those_of_the_parser() {
    let root = schema();
    let mut checked = 0;
    for (table, prefix) in [("AgentDocument", ""), ("SamplingDocument", "sampling.")] {
        for (key, part) in root["$defs"][table]["properties"].as_object().unwrap() {
            let whole = part["type"] == "integer";
            let step = if whole { 1.0 } else { 0.25 };
            // TOML distinguishes integers from floats by the decimal point.
            let digits = if whole { 0 } else { 2 };
            let line = |value: f64| format!("{prefix}{key} = {value:.digits$}");
            if let Some(least) = part["minimum"].as_f64() {
                assert!(accepts(&line(least)) && !accepts(&line(least - step)), "{key}: {part}");
            }
            if let Some(least) = part["exclusiveMinimum"].as_f64() {
                assert!(!accepts(&line(least)) && accepts(&line(least + step)), "{key}: {part}");
            }
            if let Some(most) = part["maximum"].as_f64() {
                assert!(accepts(&line(most)) && !accepts(&line(most + step)), "{key}: {part}");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 9, "tier, context and the seven keys of sampling have limits");
}

#[test]
fn its_patterns_are_the_rule_for_names() {
    for table in ["/properties/name", "/$defs/AgentDocument/properties/name"] {
        let pattern = schema().pointer(table).unwrap()["pattern"].clone();
        assert_eq!(pattern, format!("^[a-z0-9_-]{{1,{}}}$", crate::name::LONGEST));
    }
    assert!(accepts(&format!("name = \"{}\"", "a".repeat(crate::name::LONGEST))));
}

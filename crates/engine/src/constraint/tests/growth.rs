//! Forms whose cost grows with the answer: each is either rejected or completes its answers.

use std::fmt::Write as _;

use harmonic_types::{Format, Sampling};
use serde_json::{Value, json};

use super::{SIZE, grammars, schema};
use crate::sampling::Sampler;

/// Rejection of `format`. If accepted, long answers must continue in it, sampled with and without a
/// bias to earlier tokens.
fn refusal(format: &Format) -> Option<String> {
    let grammars = grammars();
    for seed in 0..2u64 {
        let constraint = match grammars.compile(format) {
            Ok(constraint) => constraint,
            Err(error) => return Some(error.to_string()),
        };
        let mut sampler = Sampler::new(Sampling::default(), seed).with_constraint(constraint);
        let mut noise = fastrand::Rng::with_seed(seed);
        let mut before = None;
        for _ in 0..40 {
            let mut logits: Vec<f32> = (0..SIZE).map(|_| noise.f32() * 20.0).collect();
            if let (Some(before), true) = (before, seed % 2 == 0) {
                let before: usize = before;
                logits[before] = 60.0;
            }
            let choice = sampler.choose(&logits).expect("a choice");
            assert_eq!(choice.failure, None, "{format:?}");
            before = usize::try_from(choice.token.0).ok();
            if choice.token.0 > super::CONTROL {
                break;
            }
        }
    }
    None
}

fn pattern(pattern: impl Into<String>) -> Format {
    schema(&json!({"type": "string", "pattern": pattern.into()}))
}

fn open(at: usize) -> Value {
    json!({"type": "object", "properties": {format!("p{at}"): {"type": "integer"}}})
}

fn closed(at: usize) -> Value {
    json!({"type": "object", "properties": {format!("p{at}"): {"type": "integer"}},
        "required": [format!("p{at}")], "additionalProperties": false})
}

fn any_of(count: usize, one: impl Fn(usize) -> Value) -> Value {
    json!({"anyOf": (0..count).map(one).collect::<Vec<_>>()})
}

#[track_caller]
fn refused(format: &Format, expected: &str) {
    let refusal = refusal(format).unwrap_or_else(|| panic!("{format:?} goes on"));
    assert!(refusal.contains(expected), "{refusal}, not {expected}");
}

#[track_caller]
fn goes_on(format: &Format) {
    assert_eq!(refusal(format), None, "{format:?}");
}

#[test]
fn optional_parts_in_a_row() {
    let limit = "parts in a row in a regular expression that may be left out, and at most 200";
    for row in ["a?", "(a|b)?", "(?:a?b?)", "a*", "(a?)?", "a{0,3}"] {
        goes_on(&pattern(row.repeat(60)));
        refused(&pattern(row.repeat(500)), limit);
        refused(&Format::Regex(row.repeat(500)), limit);
        refused(&Format::Grammar(format!("start: /{}/\n", row.repeat(500))), limit);
        let keyed = json!({"type": "object", "patternProperties": {row.repeat(500): {}}});
        refused(&schema(&keyed), limit);
    }
    for other in ["a{0,500}", "(a?b?){0,500}", "((((a?)?)?)?)?", "(ab?){50}"] {
        goes_on(&pattern(other));
    }
    goes_on(&pattern("a?".repeat(200)));
}

#[test]
fn open_objects_among_alternatives() {
    let limit = "objects among the alternatives at one place";
    goes_on(&schema(&any_of(60, open)));
    goes_on(&schema(&any_of(60, closed)));
    for count in [182, 1000] {
        refused(&schema(&any_of(count, open)), limit);
        let list = json!({"type": "array", "items": any_of(count, open)});
        refused(&schema(&list), limit);
        let nested = json!({"type": "object", "properties": {"x": any_of(count, open)}});
        refused(&schema(&nested), limit);
    }
    // In nested lists they occur at one position all the same.
    let halves = json!({"anyOf": [any_of(150, open), any_of(150, |at| open(at + 150))]});
    refused(&schema(&halves), "may come at one place");
}

#[test]
fn wide_rules_and_keys() {
    let optional: serde_json::Map<String, Value> =
        (0..40).map(|at| (format!("p{at}"), json!({"type": "integer"}))).collect();
    goes_on(&schema(&json!({"type": "object", "properties": optional})));
    let mut lark =
        "start: ".to_owned() + &(0..60).fold(String::new(), |all, at| format!("{all}r{at} "));
    lark.push('\n');
    for at in 0..60 {
        // Writing to a string cannot fail.
        let _written = writeln!(lark, "r{at}: \"x\"?");
    }
    goes_on(&Format::Grammar(lark));
    // Each is either accepted or rejected; `refusal` fails if an answer breaks off.
    for either in [
        Format::Grammar(format!("start: {}\n", "\"a\"? ".repeat(120))),
        Format::Grammar(format!("start: ({})*\n", "\"a\"? ".repeat(20))),
        schema(&json!({"type": "object", "propertyNames": {"pattern": "(a|b)?".repeat(60)}})),
        schema(&json!({"type": "object", "patternProperties": {"^(a|b)?c?$": open(1), "^x": {}}})),
        schema(&any_of(20, |at| json!({"type": "array", "items": open(at)}))),
        pattern("(.*a){5}"),
        pattern("(a|b)*a(a|b){6}"),
    ] {
        let _either = refusal(&either);
    }
}

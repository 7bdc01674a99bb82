use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::item::{ExpectedCall, Program};

fn item(expected: Expected) -> Item {
    Item { id: "1".to_owned(), goal: "goal".to_owned(), brief: None, expected }
}

fn number(answer: &str) -> Option<String> {
    read(&item(Expected::Number("1234.5".to_owned())), answer).key
}

#[test]
fn a_number_is_found_behind_its_mark_and_else_at_the_end() {
    for (answer, found) in [
        ("So 3 + 4 = 7.\nAnswer: 1,234.50\nBye 9.", "1234.5"),
        ("**Answer:** $18", "18"),
        ("Final answer: -3", "-3"),
        ("She has 5.\n#### 42", "42"),
        ("16 - 3 = 13, so 13*2 = 26.", "26"),
        ("costs $1,000,000.", "1000000"),
        ("(1,2)", "2"),
        ("from 10-5", "5"),
        ("Answer: −0.50", "-0.5"),
        ("Answer: -$7", "-7"),
        ("007", "7"),
        (".5", "0.5"),
        ("-0", "0"),
        ("Answer: it depends\n12", "12"),
    ] {
        assert_eq!(number(answer).as_deref(), Some(found), "{answer}");
    }
    for nothing in ["", "none", "Answer:", "x1", "step12b", "–", "....,,,"] {
        assert_eq!(number(nothing), None, "{nothing}");
    }
}

#[test]
fn labelled_values_are_right_only_together() {
    let right: BTreeMap<String, String> =
        [("A", "12"), ("B", "7.5")].map(|(label, value)| (label.into(), value.into())).into();
    let read = |answer: &str| read(&item(Expected::Values(right.clone())), answer);
    for answer in ["A: 12\nB: 7.50", "- **A:** 12 apples\n* B: $7.5\n", "A: 9\nB: 7.5\nA: 12"] {
        assert_eq!(read(answer).grade, Grade::Right, "{answer}");
    }
    assert_eq!(read("A: 12").key.as_deref(), Some("A=12"));
    for answer in ["A: 12\nB: 7", "A: 12", "", "The A: 12\nB: 7.5", "AB: 12\nB: 7.5"] {
        assert_eq!(read(answer).grade, Grade::Wrong, "{answer}");
    }
}

fn bmi() -> Vec<ExpectedCall> {
    let call = |height: f64, weight: i64| ExpectedCall {
        name: "body.bmi".to_owned(),
        arguments: [
            ("height", vec![json!(height)]),
            ("weight", vec![json!(weight)]),
            ("unit", vec![json!("US feet"), json!("")]),
        ]
        .map(|(name, values)| (name.to_owned(), values))
        .into(),
    };
    vec![call(6.0, 80), call(5.6, 60)]
}

fn calls(answer: &str) -> Grade {
    read(&item(Expected::Calls(bmi())), answer).grade
}

#[test]
fn calls_are_right_in_any_order_and_with_any_of_the_right_values() {
    for answer in [
        r#"[{"name": "body.bmi", "arguments": {"height": 5.6, "weight": 60}},
            {"name": "body.bmi", "arguments": {"height": 6, "weight": 80, "unit": "us-feet"}}]"#,
        "Sure!\n```json\n{\"name\":\"body_bmi\",\"arguments\":{\"weight\":80.0,\"height\":6}}\n\
         {\"function\":{\"name\":\"body.bmi\",\"arguments\":\"{\\\"height\\\":5.6,\\\"weight\\\":60}\"}}\n```",
    ] {
        assert_eq!(calls(answer), Grade::Right, "{answer}");
    }
    let one = r#"{"name": "body.bmi", "arguments": {"height": 6, "weight": 80}}"#;
    for answer in [
        one.to_owned(),
        format!("[{one}, {one}]"),
        format!("[{one}, {}]", one.replace("80", "60")),
        one.replace("80", "80, \"age\": 3"),
        "[{\"name\": 3}]".to_owned(),
        "{{{{[[[[".repeat(10_000),
        String::new(),
    ] {
        assert_eq!(calls(&answer), Grade::Wrong, "{answer:.80}");
    }
}

#[test]
fn values_within_lists_and_objects_are_compared_by_the_same_rules() {
    let expected = vec![ExpectedCall {
        name: "f".to_owned(),
        arguments: [
            ("list".to_owned(), vec![json!(["The Office", "X"]), json!("")]),
            ("people".to_owned(), vec![json!({"adults": [2], "children": [1, ""]})]),
        ]
        .into(),
    }];
    let item = item(Expected::Calls(expected));
    let grade = |answer: &str| read(&item, answer).grade;
    let right = r#"{"name":"f","arguments":{"list":["the office","x"],"people":{"adults":2}}}"#;
    assert_eq!(grade(right), Grade::Right);
    assert_eq!(grade(&right.replace("\"x\"", "\"y\"")), Grade::Wrong);
    assert_eq!(grade(&right.replace("adults\":2", "adults\":3")), Grade::Wrong);
}

#[test]
fn a_program_is_the_block_that_defines_the_function_or_the_rest_of_the_prompt() {
    let program = Program {
        prompt: "from typing import List\n\ndef f(x: int) -> int:\n    \"\"\"Adds.\"\"\"\n"
            .to_owned(),
        test: "def check(candidate):\n    assert candidate(1) == 2".to_owned(),
        function: "f".to_owned(),
    };
    let item = item(Expected::Program(program));
    let source = |answer: &str| match read(&item, answer).grade {
        Grade::Runs(source) => source,
        other => panic!("{other:?}"),
    };
    let whole = source("Like this:\n```python\ndef f(x):\n    return x + 1\n```\nDone.");
    assert!(whole.starts_with("from typing import List\n"), "{whole}");
    assert!(whole.contains("\"\"\"Adds.\"\"\"\n\n\ndef f(x):\n    return x + 1\n"), "{whole}");
    assert!(whole.ends_with("assert candidate(1) == 2\n\ncheck(f)\n"), "{whole}");
    let rest = source("    return x + 1\n");
    assert!(rest.contains("\"\"\"Adds.\"\"\"\n    return x + 1\n"), "{rest}");
    assert_eq!(read(&item, "  \n").grade, Grade::Wrong);
}

proptest! {
    #[test]
    fn any_answer_is_read(answer in "[-−0-9.,$a-zA:#*\\[\\]{}\" \n]{0,200}") {
        let values = Expected::Values([("A".to_owned(), "1".to_owned())].into());
        for expected in [Expected::Number("1".to_owned()), values, Expected::Calls(bmi())] {
            let first = read(&item(expected.clone()), &answer);
            prop_assert_eq!(&first, &read(&item(expected), &answer));
            prop_assert!(first.key.is_some() || first.grade == Grade::Wrong);
        }
    }

    #[test]
    fn a_number_is_found_however_it_is_grouped(whole in 0_u64..10_000_000_000, cents in 0_u32..100) {
        let digits = whole.to_string();
        let mut grouped = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let expected = normal(&format!("{whole}.{cents:02}"));
        prop_assert_eq!(number(&format!("It is ${grouped}.{cents:02}.")), Some(expected));
    }
}

//! Calls in every syntax, split at every possible position, and text that only resembles a call.

use harmonic_types::Tool;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{AnswerDelta, CallParser, Syntax};

const ALL: [Syntax; 5] =
    [Syntax::Tagged, Syntax::Functions, Syntax::List, Syntax::Named, Syntax::Bare];

fn tools() -> Vec<Tool> {
    let schema = json!({"type": "object", "properties": {
        "city": {"type": "string"}, "days": {"type": "integer"},
    }});
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        description: None,
        parameters: schema.to_string(),
    };
    vec![tool("weather"), tool("f")]
}

/// A whole parsed answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Whole {
    text: String,
    calls: Vec<(String, String)>,
    called: bool,
}

fn read(syntax: Syntax, parts: &[&str]) -> Whole {
    let mut calls = CallParser::new(syntax, &tools());
    let mut pieces: Vec<AnswerDelta> = parts.iter().flat_map(|part| calls.push(part)).collect();
    pieces.extend(calls.finish(false));
    let mut whole = Whole { called: calls.called(), ..Whole::default() };
    for piece in pieces {
        match piece {
            AnswerDelta::Text(text) => whole.text += &text,
            AnswerDelta::Call { index, name } => {
                assert_eq!(index as usize, whole.calls.len(), "calls are counted");
                whole.calls.push((name, String::new()));
            }
            AnswerDelta::Arguments { index, text } => {
                assert_eq!(index as usize + 1, whole.calls.len(), "calls do not overlap");
                whole.calls[index as usize].1 += &text;
            }
        }
    }
    whole
}

/// Displays an answer on one line.
fn shown(syntax: Syntax, text: &str) -> String {
    let Whole { text, calls, called } = read(syntax, &[text]);
    let calls: Vec<String> =
        calls.into_iter().map(|(name, text)| format!("{name}{text}")).collect();
    format!("{text:?} + [{}]{}", calls.join(" "), if called { "" } else { " (none)" })
}

#[test]
fn every_syntax_is_read() {
    let lines = [
        shown(
            Syntax::Tagged,
            "Let me see.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Köln\"}}\n</tool_call>\n\
             <tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n",
        ),
        shown(
            Syntax::Functions,
            "<tool_call>\n<function=weather>\n<parameter=city>\n7\n</parameter>\n\
             <parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
        ),
        shown(Syntax::Functions, "<function=f></function>"),
        shown(
            Syntax::Functions,
            "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call>",
        ),
        shown(
            Syntax::List,
            "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": [1, 2]}}, {\"name\": \"f\", \
             \"arguments\": {}, \"id\": \"123456789\"}]",
        ),
        shown(
            Syntax::Named,
            "[TOOL_CALLS]weather[ARGS]{\"city\": \"X\"}[TOOL_CALLS]f[CALL_ID]9[ARGS]{}",
        ),
        shown(
            Syntax::Bare,
            "{\"name\": \"weather\", \"parameters\": {\"city\": \"X\"}}; {\"name\": \"f\", \"parameters\": {}}",
        ),
        shown(
            Syntax::Bare,
            "<|python_tag|>{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}",
        ),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "Let me see." + [weather{"city": "Köln"} f{}]
    "" + [weather{"city": "7", "days": 3}]
    "" + [f{}]
    "" + [f{"a": 1}]
    "" + [f{"a": [1, 2]} f{}]
    "" + [weather{"city": "X"} f{}]
    "" + [weather{"city": "X"} f{}]
    "" + [f{}]
    "#);
}

#[test]
fn arguments_may_come_first_or_as_text_or_not_at_all() {
    let lines = [
        shown(Syntax::Tagged, r#"<tool_call>{"arguments": {"a": "}"}, "name": "f"}</tool_call>"#),
        shown(Syntax::Tagged, r#"<tool_call>{"name": "f", "arguments": "{\"a\": 1}"}</tool_call>"#),
        shown(Syntax::Tagged, r#"<tool_call>{"name": "f"}</tool_call>"#),
        shown(Syntax::Tagged, r#"<tool_call>{"name": "f", "arguments": null}"#),
        shown(Syntax::Tagged, r#"<tool_call>{"name": "f", "arguments": {"a": 1}"#),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "" + [f{"a": "}"}]
    "" + [f{"a": 1}]
    "" + [f{}]
    "" + [f{}]
    "" + [f{"a": 1}]
    "#);
}

#[test]
fn what_is_no_call_is_text() {
    let lines = [
        shown(Syntax::Tagged, "<tool_call>f(1)</tool_call> and more"),
        shown(Syntax::Tagged, r#"<tool_call>{"name": 7}</tool_call>"#),
        shown(Syntax::Tagged, r#"<tool_call>{"name": "f", "arguments": [1]}</tool_call>"#),
        shown(
            Syntax::Tagged,
            r#"<tool_call> no <tool_call>{"name": "f", "arguments": {}}</tool_call>"#,
        ),
        shown(Syntax::Tagged, r#"<tool_call>{"name": "f", "arg"#),
        shown(Syntax::Tagged, "a <tool_cal"),
        shown(Syntax::Tagged, r#"{"name": "f", "arguments": {}}"#),
        shown(Syntax::Bare, r#"{"name": "Ada", "parameters": {}}"#),
        shown(Syntax::Bare, r#"{"answer": 42}"#),
        shown(Syntax::Bare, r#"So: {"name": "f", "parameters": {}}"#),
        shown(Syntax::List, "[TOOL_CALLS][]"),
        shown(Syntax::Functions, "<function=f>what?</function>"),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "<tool_call>f(1)</tool_call> and more" + [] (none)
    "<tool_call>{\"name\": 7}</tool_call>" + [] (none)
    "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>" + [] (none)
    "<tool_call> no" + [f{}]
    "<tool_call>{\"name\": \"f\", \"arg" + [] (none)
    "a <tool_cal" + [] (none)
    "{\"name\": \"f\", \"arguments\": {}}" + [] (none)
    "{\"name\": \"Ada\", \"parameters\": {}}" + [] (none)
    "{\"answer\": 42}" + [] (none)
    "So: {\"name\": \"f\", \"parameters\": {}}" + [] (none)
    "[TOOL_CALLS][]" + [] (none)
    "what?</function>" + [f] (none)
    "#);
}

#[test]
fn a_call_that_goes_wrong_later_is_broken_off_and_its_rest_is_text() {
    let lines = [
        shown(Syntax::Tagged, r#"<tool_call>{"name": "f", "arguments": {"a": 1,}}</tool_call>"#),
        shown(Syntax::Tagged, r#"<tool_call>{"name": "f", "arguments": {"a": "b"#),
        shown(Syntax::Named, r#"[TOOL_CALLS]f[ARGS]{"a"x"#),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "}}</tool_call>" + [f{"a": 1,] (none)
    "" + [f{"a": "b] (none)
    "x" + [f{"a"] (none)
    "#);
}

#[test]
fn the_name_leaves_before_the_arguments_do() {
    let mut calls = CallParser::new(Syntax::Tagged, &tools());
    assert_eq!(calls.push(r#"<tool_call>{"name": "f", "arguments": "#), []);
    let call = AnswerDelta::Call { index: 0, name: "f".to_owned() };
    let more = |text: &str| AnswerDelta::Arguments { index: 0, text: text.to_owned() };
    assert_eq!(calls.push("{\"a"), [call, more("{\"a")]);
    assert_eq!(calls.push("\": 1"), [more("\": 1")]);
    assert_eq!(calls.push("}}</tool"), [more("}")]);
    assert_eq!(calls.push("_call> ok"), [AnswerDelta::Text(" ok".to_owned())]);
}

/// Answers assembled from fragments of the syntaxes.
fn answers() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        prop::sample::select(vec![
            "<tool_call>",
            "</tool_call>",
            "[TOOL_CALLS]",
            "[ARGS]",
            "[CALL_ID]",
            "<|python_tag|>",
            "{\"name\": ",
            "\"f\"",
            "\"weather\"",
            ", \"arguments\": ",
            ", \"parameters\": ",
            "{",
            "}",
            "[",
            "]",
            ",",
            ";",
            "{\"a\": 1}",
            "{\"city\":\"Köln\"}",
            "\"",
            "\\",
            "1",
            "true",
            "null",
            "<function=",
            "f",
            ">",
            "<function=weather>",
            "<parameter=city>",
            "</parameter>",
            "</function>",
            "<tool_call>{\"name\": \"f\", \"arguments\": {",
            "\n",
            " ",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,3}",
    ];
    prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn however_the_answer_is_cut_the_pieces_joined_are_the_same(
        text in answers(),
        syntax in prop::sample::select(ALL.to_vec()),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let whole = read(syntax, &[&text]);
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let mut at: Vec<usize> = cuts.iter().map(|cut| ends[cut.index(ends.len())]).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();
        let parts: Vec<&str> = at.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect();
        prop_assert_eq!(read(syntax, &parts), whole);
    }

    #[test]
    fn text_without_calls_passes_unchanged(
        text in "[a-z<>\\[\\] \n]{0,60}",
        syntax in prop::sample::select(ALL.to_vec()),
    ) {
        let whole = read(syntax, &[&text]);
        prop_assert_eq!(whole, Whole { text, ..Whole::default() });
    }

    #[test]
    fn a_whole_call_has_an_object(text in answers(), syntax in prop::sample::select(ALL.to_vec())) {
        let whole = read(syntax, &[&text]);
        let objects = whole.calls.iter().filter(|(_, text)| {
            serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object())
        });
        prop_assert!(!whole.called || objects.count() > 0, "{:?} of {}", whole, text);
    }

    #[test]
    fn any_arguments_come_through_as_they_are(
        words in prop::collection::btree_map("\\PC{0,6}", "\\PC{0,8}", 0..4),
        syntax in prop::sample::select(ALL.to_vec()),
    ) {
        let arguments = json!(words).to_string();
        let (before, after) = syntax.frame("weather");
        let whole = read(syntax, &[&format!("{before}{arguments}{after}")]);
        let calls = vec![("weather".to_owned(), arguments)];
        prop_assert_eq!(whole, Whole { text: String::new(), calls, called: true });
    }
}

/// A forced call.
fn framed(syntax: Syntax) -> String {
    let (before, after) = syntax.frame("weather");
    format!(r#"{before}{{"city": "Oslo"}}{after}"#)
}

proptest! {
    /// No part of a call cut off by the token limit is emitted as text.
    #[test]
    fn a_call_that_is_cut_off_is_no_text(
        syntax in prop::sample::select(&ALL[..]),
        cut in 0usize..200,
        forced in any::<bool>(),
    ) {
        let text = framed(syntax);
        let opener = syntax.openers()[0].len();
        // A short prefix that may be text is certainly a call only if forced.
        let least = if forced { 0 } else if syntax == Syntax::Bare { text.len() } else { opener };
        let cut = text.floor_char_boundary(cut.clamp(least, text.len()));
        let mut calls = CallParser::new(syntax, &tools());
        if forced {
            calls.force();
        }
        let mut pieces = calls.push(&text[..cut]);
        pieces.extend(calls.finish(true));
        let mut arguments = String::new();
        for piece in pieces {
            match piece {
                AnswerDelta::Text(text) => prop_assert_eq!(text, ""),
                AnswerDelta::Call { name, .. } => prop_assert_eq!(name, "weather"),
                AnswerDelta::Arguments { text, .. } => arguments += &text,
            }
        }
        prop_assert!(r#"{"city": "Oslo"}"#.starts_with(&arguments), "{}", arguments);
    }
}

proptest! {
    /// An answer limited to one call keeps the first, for any split, drops the rest, and reports
    /// that it is complete.
    #[test]
    fn an_answer_of_one_call_ends_with_it(syntax in prop::sample::select(&ALL[..]), cut in 0usize..200) {
        let call = |city: &str| match syntax {
            Syntax::Tagged => format!(r#"<tool_call>{{"name":"weather","arguments":{{"city":"{city}"}}}}</tool_call>"#),
            Syntax::Functions => format!(
                "<tool_call>\n<function=weather>\n<parameter=city>\n{city}\n</parameter>\n</function>\n</tool_call>"
            ),
            Syntax::List | Syntax::Named => {
                format!(r#"[TOOL_CALLS][{{"name":"weather","arguments":{{"city":"{city}"}}}}]"#)
            }
            Syntax::Bare => format!(r#"{{"name":"weather","parameters":{{"city":"{city}"}}}}"#),
        };
        let text = format!("{}{} and more", call("Oslo"), call("Rome"));
        let cut = text.floor_char_boundary(cut.min(text.len()));
        let mut calls = CallParser::new(syntax, &tools());
        calls.end_with_first();
        let mut pieces = calls.push(&text[..cut]);
        pieces.extend(calls.push(&text[cut..]));
        prop_assert!(calls.complete());
        pieces.extend(calls.finish(false));
        let names = pieces.iter().filter(|piece| matches!(piece, AnswerDelta::Call { .. })).count();
        let said: String = pieces.iter().map(|piece| match piece {
            AnswerDelta::Text(text) | AnswerDelta::Arguments { text, .. } => text.as_str(),
            AnswerDelta::Call { .. } => "",
        }).collect();
        prop_assert_eq!(names, 1);
        prop_assert!(said.contains("Oslo") && !said.contains("Rome") && !said.contains("more"));
    }
}

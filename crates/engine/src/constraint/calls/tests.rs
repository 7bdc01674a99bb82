//! Forced and strict calls are valid for any logits.

use std::sync::Arc;

use harmonic_batching::Token;
use harmonic_types::{Sampling, Tool};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CallForm, Form, FormatError, Series};
use crate::chat::{AnswerDelta, Chat, Decoder, GrammarFragment, Special, Vocabulary};
use crate::constraint::{Constraint, Grammars};
use crate::sampling::Sampler;

const END: Token = Token(256);
/// `[TOOL_CALLS]` and `[ARGS]` as control tokens.
const CONTROLS: [(&str, Token); 2] = [("[TOOL_CALLS]", Token(257)), ("[ARGS]", Token(258))];
const SIZE: u32 = 259;

/// Bytes, an end of turn and two control tokens, with a template that teaches a syntax by `.0`.
struct Bytes(&'static str);

impl Vocabulary for Bytes {
    fn size(&self) -> u32 {
        SIZE
    }
    fn tokenize(&self, text: &str) -> Vec<Token> {
        text.bytes().map(|byte| Token(i32::from(byte))).collect()
    }
    fn specials(&self) -> Vec<Special> {
        CONTROLS.iter().map(|(text, token)| Special::control(*token, *text)).collect()
    }
    fn append_bytes(&self, token: Token, out: &mut Vec<u8>) {
        out.extend(u8::try_from(token.0));
    }
    fn ends_turn(&self, token: Token) -> bool {
        token == END
    }
    fn turn_ends(&self) -> Vec<Token> {
        vec![END]
    }
    fn chat_template(&self) -> Option<String> {
        let shows = "{{ tools | tojson }}{% for m in messages %}{{ m | tojson }}{% endfor %}";
        Some(format!("{shows}{{# {} #}}", self.0))
    }
    fn bos_text(&self) -> String {
        String::new()
    }
    fn eos_text(&self) -> String {
        String::new()
    }
}

/// Template text that selects each syntax.
const SYNTAXES: [&str; 5] = [
    "<tool_call>",
    "<tool_call><function=",
    "[TOOL_CALLS]",
    "[TOOL_CALLS][ARGS]",
    "<|python_tag|>",
];

fn tool(name: &str, parameters: &Value) -> Tool {
    Tool { name: name.to_owned(), description: None, parameters: parameters.to_string() }
}

fn tools() -> Vec<Tool> {
    let days = json!({"type": "object", "properties": {"days": {"$ref": "#/$defs/days"}},
        "required": ["days"], "$defs": {"days": {"type": "integer", "minimum": 1, "maximum": 9}}});
    let state = json!({"properties": {"state": {"enum": ["on", "off"]}}, "required": ["state"]});
    vec![tool("weather", &days), tool("a.light", &state), tool("now", &json!({"type": "object"}))]
}

fn fits(name: &str, arguments: &Value) -> bool {
    match name {
        "weather" => arguments["days"].as_u64().is_some_and(|days| (1..=9).contains(&days)),
        "a.light" => arguments["state"] == "on" || arguments["state"] == "off",
        "now" => *arguments == json!({}),
        _ => false,
    }
}

fn forms<'a>(chat: &Chat, tools: &'a [Tool]) -> Vec<CallForm<'a>> {
    let form = |tool: &'a Tool| {
        let (before, after) = chat.call_frame(&tool.name);
        CallForm { tool, strict: true, before, after }
    };
    tools.iter().map(form).collect()
}

/// The call in an answer of random tokens under a constraint.
fn call(decoder: &mut Decoder, mut sampler: Sampler, seed: u64) -> (Vec<String>, String, bool) {
    let mut noise = fastrand::Rng::with_seed(seed);
    let (mut names, mut arguments) = (Vec::new(), String::new());
    let mut read = |pieces: Vec<AnswerDelta>| {
        for piece in pieces {
            match piece {
                AnswerDelta::Text(text) => panic!("text in a call: {text}"),
                AnswerDelta::Call { name, .. } => names.push(name),
                AnswerDelta::Arguments { text, .. } => arguments += &text,
            }
        }
    };
    let ended = (0..400).any(|_| {
        let logits: Vec<f32> = (0..SIZE).map(|_| noise.f32() * 20.0).collect();
        let choice = sampler.choose(&logits).expect("a choice");
        assert_eq!(choice.failure, None);
        let told = decoder.push(choice.token);
        read(told.answer);
        told.stop
    });
    read(decoder.finish(false).answer);
    (names, arguments, ended && decoder.called())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_the_logits_the_answer_is_one_valid_call(
        seed in any::<u64>(),
        syntax in prop::sample::select(SYNTAXES.to_vec()),
    ) {
        let vocabulary = Arc::new(Bytes(syntax));
        let grammars = Grammars::new("bytes", vocabulary.as_ref()).expect("a vocabulary");
        let chat = Chat::new(vocabulary).expect("a template");
        let tools = tools();
        let constraint = grammars.compile_call(&forms(&chat, &tools)).expect("good schemas");
        let sampler = Sampler::new(Sampling::default(), seed).with_constraint(constraint);
        let mut decoder = chat.decoder(Vec::new(), false, &tools);
        let (names, arguments, whole) = call(&mut decoder, sampler, seed);
        // White space may exceed the length of the test.
        if whole {
            prop_assert_eq!(names.len(), 1);
            let value: Value = serde_json::from_str(&arguments).expect("JSON");
            prop_assert!(fits(&names[0], &value), "{:?} with {}", names, arguments);
        }
    }
}

/// An answer of random tokens after `script`, which may call `tools`; `weather` and `a.light` are
/// strict.
fn free(
    syntax: &'static str,
    script: &str,
    parallel: bool,
    seed: u64,
) -> (String, Vec<(String, String)>, bool) {
    let vocabulary = Arc::new(Bytes(syntax));
    let grammars = Grammars::new("bytes", vocabulary.as_ref()).expect("a vocabulary");
    let chat = Chat::new(vocabulary).expect("a template");
    let tools = tools();
    let calls: Vec<CallForm<'_>> = tools
        .iter()
        .map(|tool| {
            let (before, after) = chat.one_call(&tool.name);
            CallForm { tool, strict: tool.name != "now", before, after }
        })
        .collect();
    let [first, between, last] = chat.around_calls();
    let series = Series { first, between: parallel.then_some(between), last };
    let form = Form::of_calls(&calls, &series).expect("good schemas");
    let constraint = grammars.compile_form(&form).expect("a grammar");
    let tracker = chat.call_tracker(false).expect("calls that are marked");
    let mut sampler = Sampler::new(Sampling::default(), seed)
        .with_constraint(constraint)
        .with_call_tracker(tracker);
    let mut decoder = chat.decoder(Vec::new(), false, &tools);
    let mut noise = fastrand::Rng::with_seed(seed);
    let (mut said, mut called): (String, Vec<(String, String)>) = (String::new(), Vec::new());
    let mut read = |pieces: Vec<AnswerDelta>| {
        for piece in pieces {
            match piece {
                AnswerDelta::Text(text) => said += &text,
                AnswerDelta::Call { name, .. } => called.push((name, String::new())),
                AnswerDelta::Arguments { text, .. } => {
                    called.last_mut().expect("a call").1 += &text;
                }
            }
        }
    };
    let mut wanted = chat.vocabulary().tokenize(script).into_iter();
    // If the marker is a control token, it is not written as text.
    if syntax.starts_with("[TOOL_CALLS]") {
        let text = script.split("[TOOL_CALLS]").next().unwrap_or_default();
        let mut tokens = chat.vocabulary().tokenize(text);
        tokens.extend(script.contains("[TOOL_CALLS]").then_some(CONTROLS[0].1));
        wanted = tokens.into_iter();
    }
    let ended = (0..400).any(|_| {
        let mut logits: Vec<f32> = (0..SIZE).map(|_| noise.f32() * 20.0).collect();
        logits[usize::try_from(END.0).expect("an id")] = 21.0;
        if let Some(token) = wanted.next() {
            logits[usize::try_from(token.0).expect("an id")] = 1000.0;
        }
        let choice = sampler.choose(&logits).expect("a choice");
        assert_eq!(choice.failure, None);
        let told = decoder.push(choice.token);
        read(told.answer);
        told.stop
    });
    read(decoder.finish(!ended).answer);
    (said, called, ended)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn calls_that_a_model_makes_by_itself_are_held_to_their_schemas(
        seed in any::<u64>(),
        syntax in prop::sample::select(SYNTAXES[..4].to_vec()),
        parallel in any::<bool>(),
    ) {
        let opener = if syntax.starts_with('<') { "<tool_call>" } else { "[TOOL_CALLS]" };
        let (said, called, whole) = free(syntax, &format!("So: {opener}"), parallel, seed);
        prop_assert_eq!(said.trim(), "So:");
        if whole {
            prop_assert!(!called.is_empty() && (parallel || called.len() == 1), "{:?}", called);
            for (name, arguments) in called {
                let value: Value = serde_json::from_str(&arguments).expect("JSON");
                let open = name == "now" && value.is_object();
                prop_assert!(open || fits(&name, &value), "{} with {}", name, arguments);
            }
        }
    }
}

#[test]
fn an_answer_that_calls_nothing_is_free() {
    let (said, called, whole) = free(SYNTAXES[0], "{\"a\": <tool_x>", true, 1);
    assert!(whole && called.is_empty(), "{called:?}");
    assert_eq!(said, "{\"a\": <tool_x>");
}

#[test]
fn a_call_that_begins_like_any_answer_is_not_marked() {
    let marked = |syntax: &'static str| {
        let chat = Chat::new(Arc::new(Bytes(syntax))).expect("a template");
        chat.call_tracker(false).is_some()
    };
    assert_eq!(SYNTAXES.map(marked), [true, true, true, true, false]);
}

#[test]
fn control_tokens_open_a_call_where_there_are_some() {
    let vocabulary = Arc::new(Bytes(SYNTAXES[3]));
    let grammars = Grammars::new("bytes", vocabulary.as_ref()).expect("a vocabulary");
    let chat = Chat::new(vocabulary).expect("a template");
    let tools = tools();
    let forms = forms(&chat, &tools);
    assert_eq!(forms[0].before[0], GrammarFragment::Control(CONTROLS[0].1));
    let mut constraint = grammars.compile_call(&forms).expect("good schemas");
    let only = |constraint: &mut Constraint, tokens: &[Token]| {
        let mask = constraint.allowed().expect("goes on");
        let allowed: Vec<Token> =
            (0..SIZE.cast_signed()).map(Token).filter(|token| mask.allows(*token)).collect();
        assert_eq!(allowed, tokens);
        constraint.advance(allowed[0]);
    };
    let byte = |byte: u8| Token(i32::from(byte));
    only(&mut constraint, &[CONTROLS[0].1]);
    only(&mut constraint, &[byte(b'a'), byte(b'n'), byte(b'w')]);
    for expected in b".light" {
        only(&mut constraint, &[byte(*expected)]);
    }
    only(&mut constraint, &[CONTROLS[1].1]);
    only(&mut constraint, &[byte(b'{')]);
}

#[test]
fn a_tool_whose_schema_cannot_be_kept_is_named() {
    let vocabulary = Arc::new(Bytes(SYNTAXES[0]));
    let grammars = Grammars::new("bytes", vocabulary.as_ref()).expect("a vocabulary");
    let chat = Chat::new(vocabulary).expect("a template");
    let refusal = |parameters: &str| {
        let mut tools = tools();
        tools[1].parameters = parameters.to_owned();
        match grammars.compile_call(&forms(&chat, &tools)) {
            Err(error @ FormatError::Tool { .. }) => error.to_string(),
            other => panic!("{parameters}: {other:?}"),
        }
    };
    let refusals = ["{", "[]", r#"{"type": "string"}"#, r#"{"not": {}}"#].map(refusal);
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    cannot constrain calls of the tool `a.light` to the schema of its arguments: EOF while parsing an object at line 1 column 1
    cannot constrain calls of the tool `a.light` to the schema of its arguments: it is not an object
    cannot constrain calls of the tool `a.light` to the schema of its arguments: arguments are an object: its `type` must be `object`
    cannot constrain calls of the tool `a.light` to the schema of its arguments: Unimplemented keys: ["not"]
    "#);
}

use harmonic_types::{AgentName, Tokens, ToolChoice};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::json;

use super::super::{encode_chat, encode_generate};
use super::*;
use crate::{body, strategies};

fn format() -> impl Strategy<Value = Format> {
    let schemas = vec![json!({}), json!({"type": "object", "properties": {"b": {}, "a": {}}})];
    prop_oneof![
        Just(Format::JsonObject),
        prop::sample::select(schemas).prop_map(|schema| Format::JsonSchema(schema.to_string())),
    ]
}

prop_compose! {
    /// User message that begins with images and continues with `opening`.
    fn asked(opening: String)(
        images in prop::collection::vec(strategies::image(false), 0..3),
        text in "[^\0]*",
    ) -> Message {
        let text = ContentPart::text([opening.as_str(), &text].concat());
        Message::of_parts(Role::User, images.into_iter().chain([text]))
    }
}

prop_compose! {
    /// Requests that both paths can express, without the prompt.
    fn request()(
        agent in "[a-z_:]{1,9}x",
        sampling in strategies::overrides(),
        // −1 means no seed.
        seed in of(0..u64::MAX),
        (max_tokens, context) in (of(1u32..), of(1u32..)),
        format in of(format()),
        stop in prop::collection::vec("[^\0]+", 0..=16),
        top_logprobs in of(0u8..=20),
        thinking in of(any::<bool>()),
    ) -> Request {
        Request {
            sampling,
            seed,
            context: context.map(Tokens),
            max_tokens: max_tokens.map(Tokens),
            format,
            stop,
            top_logprobs,
            thinking,
            ..Request::new(RequestId(1), AgentName(agent), Vec::new())
        }
    }
}

proptest! {
    #[test]
    fn a_chat_survives_the_wire(
        request in request(),
        messages in prop::collection::vec(strategies::message_by(asked(String::new())), 0..5),
        (tools, _) in strategies::tools(),
    ) {
        let request = Request { prompt: Prompt::Chat { messages, tools }, ..request };
        let wire = serde_json::to_vec(&encode_chat(&request)).expect("JSON");
        let back = decode_chat(body::read(&wire).expect("its own body"), request.id);
        prop_assert_eq!(back, Ok(request));
    }

    #[test]
    fn a_question_and_a_text_survive_the_wire(
        request in request(),
        text in "[^\0]+",
        asked in asked("x".to_owned()),
        system in of("[^\0]+"),
        raw in any::<bool>(),
    ) {
        let system = system.map(|system| Message::new(Role::System, system));
        let prompt = if raw {
            Prompt::Text(text)
        } else {
            Prompt::chat(system.into_iter().chain([asked]).collect())
        };
        let request = Request { prompt, ..request };
        let wire = serde_json::to_vec(&encode_generate(&request)).expect("JSON");
        let back = decode_generate(body::read(&wire).expect("its own body"), request.id);
        prop_assert_eq!(back, Ok(request));
    }

    #[test]
    fn no_values_make_it_panic(
        field in prop::sample::select(vec![
            "model", "messages", "prompt", "system", "stream", "format", "options", "think",
            "tools", "raw", "images", "context", "logprobs", "top_logprobs",
        ]),
        value in prop::sample::select(vec![
            json!(null), json!(-1), json!(1e300), json!(u64::MAX), json!(""), json!([]),
            json!({}), json!([[["x"]]]), json!(true), json!([{"role": []}]), json!({"stop": 1}),
            json!({"num_predict": u64::MAX}), json!([{"role": "tool", "tool_calls": [{}]}]),
        ]),
    ) {
        let mut body = json!({"model": "coder", "messages": [{"role": "user", "content": "hi"}]});
        body[field] = value;
        let body = body.to_string();
        let _ = body::read(body.as_bytes()).and_then(|body| decode_chat(body, RequestId(1)));
        let _ = body::read(body.as_bytes()).and_then(|body| decode_generate(body, RequestId(1)));
    }
}

/// Error for a valid body patched with `patch`.
fn refusal(patch: &Value) -> String {
    let mut body = json!({"model": "coder", "messages": [{"role": "user", "content": "hi"}]});
    for (field, value) in patch.as_object().expect("a patch is an object") {
        body[field] = value.clone();
    }
    let refused = body::read(body.to_string().as_bytes())
        .and_then(|body| decode_chat(body, RequestId(1)))
        .expect_err("refused");
    format!("{} {refused}", refused.code())
}

#[test]
fn each_refusal_names_the_field_and_what_would_be_right() {
    let refusals: Vec<String> = [
        json!({"model": ""}),
        json!({"messages": "hi"}),
        json!({"messages": [{"role": "developer", "content": "hi"}]}),
        json!({"messages": [{"role": "user", "content": "hi", "images": ["iVBO", "/tmp/a.png"]}]}),
        json!({"messages": [{"role": "user", "content": "hi", "images": vec!["iVBO"; 65]}]}),
        json!({"messages": [{"role": "assistant", "content": "hi", "images": ["iVBO"]}]}),
        json!({"messages": [{"role": "user", "content": "a\u{0}"}]}),
        json!({"messages": [{"role": "user", "tool_calls": [{"function": {"name": "f"}}]}]}),
        json!({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "no name"}}]}]}),
        json!({"options": {"temperature": 3}}),
        json!({"options": {"num_predict": 10_000_000_000u64}}),
        json!({"options": {"num_predict": "many"}}),
        json!({"options": []}),
        json!({"format": "yaml"}),
        json!({"think": "hard"}),
        json!({"top_logprobs": 3}),
        json!({"tools": [{"type": "browser"}]}),
    ]
    .iter()
    .map(refusal)
    .collect();
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    invalid_value `model` must name an agent of this stack
    invalid_type `messages` cannot be read: invalid type: string "hi", expected a sequence at line 1 column 32
    invalid_value `messages[0].role` is `developer`, but must be `system`, `user`, `assistant` or `tool`
    invalid_value `messages[0].images[1]` must be a file in base64
    invalid_value `messages[0].images[64]` exceeds the limit of 64 images and recordings per body
    unsupported `messages[0].images` is not supported yet by this version in messages of the assistant
    invalid_value `messages[0].content` must not contain a NUL character
    invalid_value `messages[0].tool_calls` is only for messages of the assistant
    invalid_value `messages[0].tool_calls[0].function.name` must be 1 to 128 of A-Z, a-z, 0-9 and _-.:/
    invalid_value `options.temperature` is 3, but must be from 0 to 2
    invalid_value `options.num_predict` is 10000000000, but must be at most 4294967295
    invalid_type `options.num_predict` cannot be read: invalid type: string "many", expected i64 at line 1 column 92
    invalid_type `options` cannot be read: invalid type: sequence, expected an object at line 1 column 73
    invalid_value `format` must be `json` or a JSON Schema: an object
    invalid_value `think` must be true, false, `low`, `medium` or `high`
    invalid_value `top_logprobs` is only for `logprobs: true`
    unsupported `tools[0]` is not supported yet by this version: its type is `browser`, and only `function` is
    "#);
}

#[test]
fn unsupported_fields_of_generate_are_refused_by_name() {
    let refusals: Vec<String> = [
        json!({"suffix": "}"}),
        json!({"images": ["iVB"], "raw": true}),
        json!({"images": ["iVBO="]}),
        json!({"template": "{{ .Prompt }}"}),
        json!({"context": [1, 2]}),
        json!({"raw": true, "system": "be brief"}),
    ]
    .into_iter()
    .map(|mut body| {
        body["model"] = json!("coder");
        body["prompt"] = json!("hi");
        let read = body::read(body.to_string().as_bytes()).expect("read");
        decode_generate(read, RequestId(1)).expect_err("refused").to_string()
    })
    .collect();
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    `suffix` is not supported yet by this version: leave it out
    `images` is not supported yet by this version with `raw: true`
    `images[0]` must be a file in base64
    `template` is not supported yet by this version: use `raw`
    `context` is not supported yet by this version: send messages to /api/chat
    `system` is not for `raw: true`: put it in `prompt`
    "#);
}

#[test]
fn empty_values_that_sdks_send_for_unset_fields_are_accepted() {
    let body = json!({
        "model": "coder:latest", "messages": [], "tools": [], "stream": true, "format": "",
        "options": {"num_ctx": 0, "num_predict": -1, "seed": -1}, "keep_alive": "5m",
        "think": null,
    });
    let read = body::read(body.to_string().as_bytes()).expect("read");
    let request = decode_chat(read, RequestId(1)).expect("fine");
    assert_eq!(request, Request::new(RequestId(1), "coder".into(), Vec::new()));
    assert_eq!(request.tool_choice, ToolChoice::Auto);
    let body = json!({
        "model": "coder", "prompt": "", "suffix": "", "system": "", "template": "", "context": [],
        "images": [], "raw": false,
    });
    let read = body::read(body.to_string().as_bytes()).expect("read");
    assert_eq!(decode_generate(read, RequestId(1)).expect("fine").prompt, Prompt::chat(Vec::new()));
}

#[test]
fn calls_and_results_without_ids_find_each_other() {
    let call = |name: &str| json!({"function": {"name": name, "arguments": {}}});
    let result = |name: Option<&str>| json!({"role": "tool", "content": "", "tool_name": name});
    let body = json!({"model": "coder", "messages": [
        {"role": "assistant", "content": "", "tool_calls": [call("a"), call("b"), call("a")]},
        result(Some("b")), result(None), result(Some("a")), result(Some("a")),
    ]});
    let read = body::read(body.to_string().as_bytes()).expect("read");
    let request = decode_chat(read, RequestId(1)).expect("fine");
    let messages = request.prompt.messages();
    let ids: Vec<_> = messages[0].tool_calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["call_0_0", "call_0_1", "call_0_2"]);
    let answered: Vec<_> = messages[1..].iter().map(|m| m.tool_call_id.as_deref()).collect();
    assert_eq!(answered, [Some("call_0_1"), Some("call_0_0"), Some("call_0_2"), None]);
}

#[test]
fn a_duration_is_seconds_or_numbers_with_units_and_nothing_else_is_one() {
    for (text, expected) in [
        ("0", 0.0),
        ("300", 300.0),
        ("-1", 1.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("-1m", 60.0),
        ("1.5s", 1.5),
    ] {
        assert!(seconds(text).is_some_and(|found| (found - expected).abs() < 1e-9), "{text}");
    }
    for text in
        ["", "x", "m", "5x", "5 m", "1h30", "1h-30m", "--1", ".", "1..2s", "inf", "NaN", "1é"]
    {
        assert_eq!(seconds(text), None, "{text}");
    }
}

#[test]
fn a_keep_alive_that_is_no_duration_is_refused() {
    for keep_alive in [json!("x"), json!("5 minutes"), json!(true), json!([])] {
        let error = super::keep_alive(Some(&keep_alive), false).unwrap_err().to_string();
        assert!(error.contains("`keep_alive`") && error.contains("5m"), "{error}");
    }
    assert!(super::keep_alive(Some(&json!("0s")), true).is_err());
    assert!(super::keep_alive(Some(&json!(-1)), false).is_ok());
}

use harmonic_types::{AgentName, Format, RequestClass, Tokens};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::encode;
use super::*;
use crate::body::read;
use crate::strategies;

fn format() -> impl Strategy<Value = Format> {
    let schemas =
        vec![json!(true), json!({}), json!({"type": "object", "properties": {"b": {}, "a": {}}})];
    prop_oneof![
        Just(Format::JsonObject),
        prop::sample::select(schemas).prop_map(|schema| Format::JsonSchema(schema.to_string())),
        ".*".prop_map(Format::Regex),
        ".*".prop_map(Format::Grammar),
    ]
}

prop_compose! {
    fn request()(
        (id, agent) in (any::<u64>(), ".+"),
        messages in prop::collection::vec(strategies::message(), 1..5),
        (tools, tool_choice) in strategies::tools(),
        parallel_tool_calls in any::<bool>(),
        class in prop::sample::select(RequestClass::ALL.to_vec()),
        sampling in strategies::overrides(),
        logit_bias in prop::collection::btree_map(any::<u32>(), -100.0f32..=100.0, 0..4),
        seed in of(any::<u64>()),
        max_tokens in of(1u32..),
        format in of(format()),
        stop in prop::collection::vec("[^\0]+", 0..=16),
        ignore_eos in any::<bool>(),
        top_logprobs in of(0u8..=20),
        thinking in of(any::<bool>()),
    ) -> Request {
        Request {
            sampling,
            logit_bias,
            seed,
            max_tokens: max_tokens.map(Tokens),
            format,
            stop,
            ignore_eos,
            top_logprobs,
            thinking,
            tool_choice,
            parallel_tool_calls,
            class,
            prompt: Prompt::Chat { messages, tools },
            ..Request::new(RequestId(id), AgentName(agent), Vec::new())
        }
    }
}

proptest! {
    #[test]
    fn a_request_survives_the_wire(request in request()) {
        let wire = serde_json::to_vec(&encode(&request)).expect("JSON");
        let back = decode(read(&wire).expect("its own body"), request.id);
        prop_assert_eq!(back, Ok(request));
    }

    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read::<ChatRequest>(&body);
    }

    #[test]
    fn no_values_make_it_panic(
        field in prop::sample::select(vec![
            "model", "messages", "stream", "stream_options", "temperature", "top_k", "max_tokens",
            "stop", "seed", "n", "tools", "response_format", "top_logprobs", "chat_template_kwargs",
            "logit_bias", "structured_outputs", "tool_choice", "functions",
        ]),
        value in prop::sample::select(vec![
            json!(null), json!(-1), json!(1e300), json!(u64::MAX), json!(""), json!([]),
            json!({}), json!([[["x"]]]), json!(true), json!([{"role": []}]),
        ]),
    ) {
        let mut body = json!({"model": "coder", "messages": [{"role": "user", "content": "hi"}]});
        body[field] = value;
        if let Ok(request) = read::<ChatRequest>(body.to_string().as_bytes()) {
            let _ = decode(request, RequestId(1));
        }
    }
}

/// Error for a valid body patched with `patch`.
fn refusal(patch: &Value) -> String {
    let mut body = json!({"model": "coder", "messages": [{"role": "user", "content": "hi"}]});
    for (field, value) in patch.as_object().expect("a patch is an object") {
        body[field] = value.clone();
    }
    let refused = read(body.to_string().as_bytes())
        .and_then(|request| decode(request, RequestId(1)))
        .expect_err("refused");
    format!("{} [{}] {refused}", refused.code(), refused.param().unwrap_or("-"))
}

#[test]
fn each_refusal_names_the_field_and_what_would_be_right() {
    let said = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
    let refusals: Vec<String> = [
        json!({"model": ""}),
        json!({"model": 7}),
        json!({"messages": []}),
        json!({"messages": [["user", "hi"]]}),
        json!({"messages": [{"role": "pilot", "content": "hi"}]}),
        json!({"messages": [{"role": "user"}]}),
        json!({"messages": [{"role": "user", "content": 1}]}),
        json!({"messages": [{"role": "user", "content": "a\u{0}b"}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
        said(json!({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}})),
        said(json!({"type": "image_url", "image_url": "data:image/png;base64,?"})),
        said(json!({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}})),
        said(json!({"type": "file", "file": {"file_id": "f"}})),
        json!({"messages": [{"role": "system", "content": [{"type": "image_url"}]}]}),
        json!({"messages": [{"role": "assistant", "tool_calls": [{}]}]}),
        json!({"messages": [{"role": "user", "content": "", "tool_calls": [
            {"type": "function", "function": {"name": "f", "arguments": "{}"}},
        ]}]}),
        json!({"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": {}}}]}]}),
        json!({"stream_options": {"include_usage": true}}),
        json!({"stream": "yes"}),
        json!({"temperature": 2.5}),
        json!({"temperature": 1e300}),
        json!({"top_k": -2}),
        json!({"repeat_penalty": 0}),
        json!({"max_tokens": 0}),
        json!({"max_tokens": -1}),
        json!({"max_tokens": 1, "max_completion_tokens": 2}),
        json!({"stop": [""]}),
        json!({"stop": {}}),
        json!({"stop": vec!["x"; 17]}),
        json!({"logprobs": true, "top_logprobs": 21}),
        json!({"top_logprobs": 2}),
        json!({"n": 17}),
        json!({"tools": [{"type": "function"}]}),
        json!({"response_format": {"type": "yaml"}}),
        json!({"response_format": "json_object"}),
        json!({"response_format": {"type": "json_schema"}}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"schema": 7}}}),
        json!({"structured_outputs": {"structural_tag": "a"}}),
        json!({"structured_outputs": {"regex": "a", "grammar": "b"}}),
        json!({"response_format": {"type": "json_object"}, "structured_outputs": {"regex": "a"}}),
        json!({"logit_bias": {"50256": -101}}),
        json!({"logit_bias": {"the": 1}}),
    ]
    .iter()
    .map(refusal)
    .collect();
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    invalid_value [model] `model` must name an agent of this stack
    invalid_type [model] `model` cannot be read: invalid type: integer `7`, expected a string at line 1 column 10
    invalid_value [messages] `messages` must hold at least one message
    invalid_type [messages[0]] `messages[0]` cannot be read: invalid type: sequence, expected an object at line 1 column 30
    invalid_value [messages[0].role] `messages[0].role` is `pilot`, but must be `system`, `developer`, `user`, `assistant` or `tool`
    invalid_value [messages[0].content] `messages[0].content` is missing
    invalid_type [messages[0].content] `messages[0].content` cannot be read: invalid type: integer `1`, expected a string or a list of parts at line 1 column 55
    invalid_value [messages[0].content] `messages[0].content` must not contain a NUL character
    invalid_value [messages[0].content[0].image_url] `messages[0].content[0].image_url` is missing
    unsupported [messages[0].content[0].image_url] `messages[0].content[0].image_url` is not supported yet by this version as an address: this server fetches nothing, send a `data:` URL
    invalid_value [messages[0].content[0].image_url] `messages[0].content[0].image_url` must be a file in base64
    invalid_value [messages[0].content[0].input_audio] `messages[0].content[0].input_audio` must be a file in base64
    unsupported [messages[0].content[0]] `messages[0].content[0]` is not supported yet by this version: its type is `file`, and only `text`, `image_url` and `input_audio` are
    unsupported [messages[0].content[0]] `messages[0].content[0]` is not supported yet by this version: its type is `image_url`, and only `text` is
    invalid_value [messages[0].tool_calls[0].function.name] `messages[0].tool_calls[0].function.name` must be 1 to 128 of A-Z, a-z, 0-9 and _-.:/
    invalid_value [messages[0].tool_calls] `messages[0].tool_calls` is only for messages of the assistant
    invalid_value [messages[0].tool_calls[0].function.name] `messages[0].tool_calls[0].function.name` must be 1 to 128 of A-Z, a-z, 0-9 and _-.:/
    invalid_value [stream_options] `stream_options` is only for `stream: true`
    invalid_type [stream] `stream` cannot be read: invalid type: string "yes", expected a boolean at line 1 column 75
    invalid_value [temperature] `temperature` is 2.5, but must be from 0 to 2
    invalid_json [-] the body is not valid JSON: number out of range at line 1 column 81
    invalid_value [top_k] `top_k` is -2, but must be from -1 to 4294967295
    invalid_value [repeat_penalty] `repeat_penalty` must be above 0; 1 is off
    invalid_value [max_tokens] `max_tokens` must be at least 1
    invalid_type [max_tokens] `max_tokens` cannot be read: invalid value: integer `-1`, expected u32 at line 1 column 76
    invalid_value [max_completion_tokens] `max_completion_tokens` is 2, but `max_tokens` is 1: use one of them
    invalid_value [stop[0]] `stop[0]` must not be empty
    invalid_type [stop] `stop` cannot be read: invalid type: map, expected a string or a list of strings at line 1 column 70
    invalid_value [stop] `stop` has 17 strings, but may have at most 16
    invalid_value [top_logprobs] `top_logprobs` is 21, but must be from 0 to 20
    invalid_value [top_logprobs] `top_logprobs` is only for `logprobs: true`
    invalid_value [n] `n` is 17, but must be from 1 to 16
    invalid_value [tools[0].function] `tools[0].function` is missing
    invalid_value [response_format.type] `response_format.type` is `yaml`, but must be `text`, `json_object` or `json_schema`
    invalid_type [response_format] `response_format` cannot be read: invalid type: string "json_object", expected an object at line 1 column 92
    invalid_value [response_format.json_schema.schema] `response_format.json_schema.schema` is missing
    invalid_value [response_format.json_schema.schema] `response_format.json_schema.schema` must be a JSON Schema: an object
    invalid_type [structured_outputs.structural_tag] `structured_outputs.structural_tag` cannot be read: unknown field `structural_tag`, expected one of `regex`, `grammar`, `choice`, `json`, `json_object` at line 1 column 99
    invalid_value [structured_outputs] `structured_outputs` sets two formats: use one of them
    invalid_value [structured_outputs] `structured_outputs` and `response_format` both set a format: use one of them
    invalid_value [logit_bias.50256] `logit_bias.50256` is -101, but must be from -100 to 100
    invalid_value [logit_bias.the] `logit_bias.the` must be the id of a token: a whole number in quotes
    "#);
}

#[test]
fn empty_values_that_sdks_send_for_unset_fields_are_accepted() {
    let body = json!({
        "model": "coder",
        "messages": [{"role": "user", "content": "hi", "name": "ann", "tool_calls": null}],
        "stream": null, "stop": null, "tools": [], "response_format": {"type": "text"},
        "n": 1, "logit_bias": {}, "user": "ann", "metadata": {"deep": [[[]]]}, "temperature": 1,
    });
    let request = read(body.to_string().as_bytes()).expect("read");
    assert!(decode(request, RequestId(1)).is_ok());
}

#[test]
fn parts_stop_and_both_names_of_the_limit_are_understood() {
    let body = json!({
        "model": "coder",
        "messages": [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ],
        "stop": "END", "max_completion_tokens": 9, "max_tokens": 9, "top_k": -1, "seed": -1,
    });
    let request =
        decode(read(body.to_string().as_bytes()).expect("read"), RequestId(1)).expect("fine");
    assert_eq!(
        request.prompt.messages(),
        [Message::new(Role::System, "be brief"), Message::new(Role::User, "a\nb")]
    );
    assert_eq!(request.stop, ["END"]);
    assert_eq!(request.max_tokens, Some(Tokens(9)));
    assert_eq!(request.sampling.top_k, Some(0));
    assert_eq!(request.seed, Some(u64::MAX));
}

#[test]
fn a_body_is_exactly_one_object() {
    for (body, code) in [
        (&br#"["coder", []]"#[..], "invalid_type"),
        (br#""coder""#, "invalid_type"),
        (br#"{"model": "coder"} {"#, "invalid_json"),
        (b"{\"model\": \"\xff\"}", "invalid_json"),
        (b"{\"model\": \"a\0b\"}", "invalid_json"),
        (b"", "invalid_json"),
        (br#"{"temperature": 1e999}"#, "invalid_json"),
    ] {
        let refused = read::<ChatRequest>(body).expect_err("not a request");
        assert_eq!(refused.code(), code, "{}: {refused}", String::from_utf8_lossy(body));
    }
    let nested = format!(r#"{{"functions": {}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(
        read::<ChatRequest>(nested.as_bytes()).expect_err("too deep").code(),
        "invalid_json"
    );
}

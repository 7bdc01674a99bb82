use harmonic_types::{AgentName, SamplingOverrides, Tokens};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::json;

use super::super::encode;
use super::*;
use crate::{body, strategies};

prop_compose! {
    /// Requests that the dialect can express.
    fn request()(
        agent in ".+",
        system in of("[^\0]*"),
        messages in prop::collection::vec(
            strategies::message().prop_filter("instructions", |m| m.role != Role::System), 1..5,
        ),
        (tools, tool_choice) in strategies::tools(),
        parallel_tool_calls in any::<bool>(),
        (temperature, top_p, top_k) in (of(0.0f32..=2.0), of(0.0f32..=1.0), of(any::<u32>())),
        max_tokens in 1u32..,
        stop in prop::collection::vec("[^\0]+", 0..=16),
        thinking in of(any::<bool>()),
        format in of(strategies::object().prop_map(Format::JsonSchema)),
    ) -> Request {
        let system = system.map(|system| Message::new(Role::System, system));
        let messages = system.into_iter().chain(messages).collect();
        Request {
            prompt: Prompt::Chat { messages, tools },
            tool_choice,
            parallel_tool_calls,
            sampling: SamplingOverrides { temperature, top_p, top_k, ..Default::default() },
            max_tokens: Some(Tokens(max_tokens)),
            stop,
            thinking,
            format,
            ..Request::new(RequestId(1), AgentName(agent), Vec::new())
        }
    }
}

proptest! {
    #[test]
    fn a_request_survives_the_wire(request in request()) {
        let wire = serde_json::to_vec(&encode(&request)).expect("JSON");
        let back = decode(body::read(&wire).expect("its own body"), request.id);
        prop_assert_eq!(back, Ok(request));
    }

    #[test]
    fn no_values_make_it_panic(
        field in prop::sample::select(vec![
            "model", "messages", "system", "max_tokens", "tools", "tool_choice", "thinking",
            "stop_sequences", "output_config", "output_format", "top_k", "stream",
        ]),
        value in prop::sample::select(vec![
            json!(null), json!(-1), json!(1e300), json!(u64::MAX), json!(""), json!([]),
            json!({}), json!([[["x"]]]), json!(true), json!([{"role": "user"}]),
            json!({"type": "tool"}), json!([{"role": "user", "content": [{"type": "text"}]}]),
        ]),
    ) {
        let mut body = good();
        body[field] = value;
        let _ = body::read(body.to_string().as_bytes())
            .and_then(|body| decode(body, RequestId(1)));
    }
}

fn good() -> Value {
    json!({
        "model": "coder", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}],
    })
}

fn decoded(patch: &Value) -> Result<Request, ValidationError> {
    let mut body = good();
    for (field, value) in patch.as_object().expect("a patch is an object") {
        body[field] = value.clone();
    }
    body::read(body.to_string().as_bytes()).and_then(|body| decode(body, RequestId(1)))
}

#[test]
fn each_refusal_names_the_field_and_what_would_be_right() {
    let user = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    let assistant = |block: Value| json!({"messages": [{"role": "assistant", "content": [block]}]});
    let refusals: Vec<String> = [
        json!({"max_tokens": null}),
        json!({"max_tokens": 0}),
        json!({"messages": []}),
        json!({"messages": [{"role": "tool", "content": "hi"}]}),
        json!({"messages": [{"role": "user"}]}),
        json!({"messages": [{"role": "user", "content": 7}]}),
        json!({"system": [{"type": "image"}]}),
        user(json!({"type": "image"})),
        user(json!({"type": "image", "source": {"type": "base64", "media_type": "image/png"}})),
        user(json!({"type": "image", "source": {"type": "base64", "data": "?"}})),
        user(json!({"type": "image", "source": {"type": "url", "url": "http://127.0.0.1"}})),
        user(json!({"type": "document"})),
        user(json!({"type": "text"})),
        user(json!({"type": "tool_result", "content": "x"})),
        user(json!({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "image"}]})),
        assistant(json!({"type": "tool_use", "name": "f"})),
        assistant(json!({"type": "redacted_thinking", "data": "x"})),
        json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        json!({"tools": [{"name": "f", "input_schema": 7}]}),
        json!({"tools": [{"name": "f"}, {"name": "f"}]}),
        json!({"tool_choice": {"type": "any"}}),
        json!({"tool_choice": {"type": "tool", "name": "f"}}),
        json!({"tool_choice": {"type": "maybe"}}),
        json!({"tool_choice": "auto"}),
        json!({"thinking": {"type": "hard"}}),
        json!({"output_config": {"format": {"type": "json_object"}}}),
        json!({"output_format": {"type": "json_schema"}}),
        json!({"stop_sequences": [""]}),
        json!({"mcp_servers": [{}]}),
    ]
    .iter()
    .map(|patch| {
        let refused = decoded(patch).expect_err("refused");
        format!("{} {refused}", refused.code())
    })
    .collect();
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    invalid_value `max_tokens` is missing
    invalid_value `max_tokens` must be at least 1
    invalid_value `messages` must hold at least one message
    invalid_value `messages[0].role` is `tool`, but must be `user`, `assistant` or `system`
    invalid_value `messages[0].content` must hold at least one block
    invalid_type `messages[0].content` cannot be read: invalid type: integer `7`, expected a string or a list of parts at line 1 column 70
    unsupported `system[0]` is not supported yet by this version: its type is `image`, and only `text` is
    invalid_value `messages[0].content[0].source` is missing
    invalid_value `messages[0].content[0].source.data` is missing
    invalid_value `messages[0].content[0].source.data` must be a file in base64
    unsupported `messages[0].content[0].source` is not supported yet by this version: its type is `url`, and only `base64` is: nothing is fetched
    unsupported `messages[0].content[0]` is not supported yet by this version: its type is `document`, and only `text`, `image` and `tool_result` are
    invalid_value `messages[0].content[0].text` is missing
    invalid_value `messages[0].content[0].tool_use_id` is missing
    invalid_value `messages[0].content[0].content[0].source` is missing
    invalid_value `messages[0].content[0].id` is missing
    unsupported `messages[0].content[0]` is not supported yet by this version: its type is `redacted_thinking`, and only `text`, `thinking` and `tool_use` are
    unsupported `tools[0]` is not supported yet by this version: its type is `web_search_20250305`, and only `custom` is
    invalid_value `tools[0].input_schema` must be a JSON Schema: an object
    invalid_value `tools` has `f` twice: names must differ
    invalid_value `tool_choice` requires a call, but `tools` is empty
    invalid_value `tool_choice` names `f`, which is not in `tools`
    invalid_value `tool_choice.type` is `maybe`, but must be `auto`, `any`, `tool` or `none`
    invalid_type `tool_choice` cannot be read: invalid type: string "auto", expected an object at line 1 column 96
    invalid_value `thinking.type` is `hard`, but must be `enabled`, `disabled` or `adaptive`
    invalid_value `output_config.format.type` is `json_object`, but must be `json_schema`
    invalid_value `output_format.schema` must be a JSON Schema: an object
    invalid_value `stop_sequences[0]` must not be empty
    unsupported `mcp_servers` is not supported yet by this version: list `tools`
    "#);
}

#[test]
fn blocks_become_messages_in_their_order() {
    let request = decoded(&json!({
        "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "b"}],
        "messages": [
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "text", "text": "let me see"},
                {"type": "tool_use", "id": "t1", "name": "find", "input": {"b": 1, "a": 2}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "is_error": false,
                    "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}]},
                {"type": "tool_result", "tool_use_id": "t2"},
                {"type": "text", "text": "and"}, {"type": "text", "text": "now?"},
            ]},
        ],
        "metadata": {"user_id": "ann"}, "thinking": {"type": "adaptive"},
    }))
    .expect("fine");
    let result = |id: &str, content: &str| Message {
        tool_call_id: Some(id.to_owned()),
        ..Message::new(Role::Tool, content)
    };
    assert_eq!(
        request.prompt.messages(),
        [
            Message::new(Role::System, "a\nb"),
            Message {
                reasoning: Some("hm".to_owned()),
                tool_calls: vec![ToolCall {
                    id: "t1".to_owned(),
                    name: "find".to_owned(),
                    arguments: r#"{"b":1,"a":2}"#.to_owned(),
                }],
                ..Message::new(Role::Assistant, "let me see")
            },
            result("t1", "1\n2"),
            result("t2", ""),
            Message::new(Role::User, "and\nnow?"),
        ]
    );
    assert_eq!(request.thinking, None);
}

#[test]
fn system_messages_and_failed_calls_reach_the_model() {
    let body = json!({
        "model": "coder", "max_tokens": 9, "system": "be brief",
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "system", "content": [{"type": "text", "text": "be kind"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c", "content": "no such file", "is_error": true},
                {"type": "tool_result", "tool_use_id": "c", "content": "done", "is_error": false},
            ]},
        ],
    });
    let body = body::read(body.to_string().as_bytes()).expect("a body");
    let request = decode(body, RequestId(1)).expect("served");
    let said: Vec<_> = request.prompt.messages().iter().map(|m| (m.role, m.text())).collect();
    assert_eq!(
        said,
        [
            (Role::System, "be brief"),
            (Role::User, "hi"),
            (Role::System, "be kind"),
            (Role::Assistant, ""),
            (Role::Tool, "The call failed: no such file"),
            (Role::Tool, "done"),
        ]
        .map(|(role, text)| (role, text.into()))
    );
    assert!(request.parallel_tool_calls);
}

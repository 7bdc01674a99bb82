use harmonic_types::{AgentName, Effort, RequestClass, SamplingOverrides, Tokens};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::json;

use super::super::encode;
use super::*;
use crate::{body, strategies};

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::JsonObject), strategies::object().prop_map(Format::JsonSchema)]
}

prop_compose! {
    /// Requests that the dialect can express.
    fn request()(
        agent in ".+",
        mut messages in prop::collection::vec(strategies::message(), 0..5),
        (tools, tool_choice) in strategies::tools(),
        parallel_tool_calls in any::<bool>(),
        class in prop::sample::select(RequestClass::ALL.to_vec()),
        (temperature, top_p) in (of(0.0f32..=2.0), of(0.0f32..=1.0)),
        max_tokens in of(1u32..),
        thinking in of(any::<bool>()),
        top_logprobs in of(0u8..=20),
        format in of(format()),
    ) -> Request {
        // Two consecutive assistant messages become one, and a system prompt alone is no request.
        messages.dedup_by(|one, other| {
            one.role == Role::Assistant && other.role == Role::Assistant
        });
        messages.push(Message::new(Role::User, "hi"));
        Request {
            prompt: Prompt::Chat { messages, tools },
            tool_choice,
            parallel_tool_calls,
            class,
            sampling: SamplingOverrides { temperature, top_p, ..Default::default() },
            max_tokens: max_tokens.map(Tokens),
            thinking,
            // The dialect cannot omit the named tool.
            effort: thinking.filter(|thinks| *thinks).map(|_| Effort::Medium),
            top_logprobs,
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
            "model", "input", "instructions", "tools", "tool_choice", "text", "reasoning",
            "max_output_tokens", "include", "metadata", "previous_response_id", "stream",
        ]),
        value in prop::sample::select(vec![
            json!(null), json!(-1), json!(1e300), json!(u64::MAX), json!(""), json!([]),
            json!({}), json!([[["x"]]]), json!(true), json!([{"role": "user"}]),
            json!([{"type": "function_call"}]), json!([{"type": "reasoning"}]),
        ]),
    ) {
        let mut body = json!({"model": "coder", "input": "hi"});
        body[field] = value;
        let _ = body::read(body.to_string().as_bytes())
            .and_then(|body| decode(body, RequestId(1)));
    }
}

fn decoded(patch: &Value) -> Result<Request, ValidationError> {
    let mut body = json!({"model": "coder", "input": "hi"});
    for (field, value) in patch.as_object().expect("a patch is an object") {
        body[field] = value.clone();
    }
    body::read(body.to_string().as_bytes()).and_then(|body| decode(body, RequestId(1)))
}

#[test]
fn each_refusal_names_the_field_and_what_would_be_right() {
    let item = |item: Value| json!({"input": [item]});
    let refusals: Vec<String> = [
        json!({"input": null}),
        json!({"input": []}),
        item(json!({"role": "tool", "content": "x"})),
        item(json!({"role": "user"})),
        item(json!({"role": "user", "content": [{"type": "input_image"}]})),
        item(json!({"type": "item_reference", "id": "x"})),
        item(json!({"type": "function_call", "name": "f", "arguments": "{}"})),
        item(json!({"type": "function_call_output", "call_id": "c"})),
        json!({"previous_response_id": "resp_1"}),
        json!({"conversation": {"id": "conv_1"}}),
        json!({"prompt": {"id": "p"}}),
        json!({"background": true, "store": false}),
        json!({"background": true, "top_logprobs": 2}),
        json!({"truncation": "middle"}),
        json!({"tools": [{"name": "f"}]}),
        json!({"tool_choice": "required"}),
        json!({"tool_choice": {"type": "function", "name": "f"}}),
        json!({"text": {"format": {"type": "yaml"}}}),
        json!({"text": {"format": {"type": "json_schema"}}}),
        json!({"max_output_tokens": 0}),
        json!({"top_logprobs": 21}),
    ]
    .iter()
    .map(|patch| {
        let refused = decoded(patch).expect_err("refused");
        format!("{} {refused}", refused.code())
    })
    .collect();
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    invalid_value `input` must hold a text or at least one item
    invalid_value `input` must hold a text or at least one item
    invalid_value `input[0].role` is `tool`, but must be `system`, `developer`, `user` or `assistant`
    invalid_value `input[0].content` is missing
    invalid_value `input[0].content[0].image_url` is missing
    unsupported `input[0]` is not supported yet by this version: its type is `item_reference`, and only `message`, `reasoning`, `function_call` and `function_call_output` are
    invalid_value `input[0].call_id` is missing
    invalid_value `input[0].output` is missing
    unsupported `previous_response_id` is not supported yet by this version: send its items as `input`
    unsupported `conversation` is not supported yet by this version: send its items as `input`
    unsupported `prompt` is not supported yet by this version: write it in `instructions`
    invalid_value `store` must not be false with `background`: such a response is kept, to be read later
    unsupported `top_logprobs` is not supported yet by this version with `background`: they are too large to be kept
    invalid_value `truncation` is `middle`, but must be `disabled` or `auto`
    unsupported `tools[0]` is not supported yet by this version: its type is ``, and only `function` is
    invalid_value `tool_choice` requires a call, but `tools` is empty
    invalid_value `tool_choice` names `f`, which is not in `tools`
    invalid_value `text.format.type` is `yaml`, but must be `text`, `json_object` or `json_schema`
    invalid_value `text.format.schema` must be a JSON Schema: an object
    invalid_value `max_output_tokens` must be at least 1
    invalid_value `top_logprobs` is 21, but must be from 0 to 20
    "#);
}

#[test]
fn the_items_of_a_response_become_one_message_again() {
    let request = decoded(&json!({
        "instructions": "be brief", "store": true, "truncation": "disabled", "user": "ann",
        "input": [
            {"role": "developer", "content": "and kind"},
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "wait", "annotations": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "7"},
        ],
    }))
    .expect("fine");
    let [system, kind, user, assistant, tool] = request.prompt.messages() else {
        panic!("five messages, not {:?}", request.prompt);
    };
    assert_eq!([system.text(), kind.text(), user.text()], ["be brief", "and kind", "hi"]);
    assert_eq!((assistant.reasoning.as_deref(), assistant.text().as_ref()), (Some("hm"), "wait"));
    assert_eq!(assistant.tool_calls.len(), 1);
    assert_eq!((tool.role, tool.tool_call_id.as_deref()), (Role::Tool, Some("c1")));
}

//! Conversations with failed tool calls continue in every dialect; tool names match the pattern of
//! the schemas.

use harmonic_types::{ContentPart, Message, RequestId, Role};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::NAME;
use crate::{anthropic, body, ollama, openai};

/// Messages of a conversation, as decoded by each dialect.
fn chat(messages: &Value) -> Vec<Message> {
    let body = json!({"model": "a", "messages": messages}).to_string();
    let request = body::read(body.as_bytes()).and_then(|b| openai::decode(b, RequestId(1)));
    request.expect("is read").prompt.messages().to_vec()
}

fn responses(input: &Value) -> Vec<Message> {
    let body = json!({"model": "a", "input": input}).to_string();
    let request =
        body::read(body.as_bytes()).and_then(|body| openai::responses::decode(body, RequestId(1)));
    request.expect("is read").prompt.messages().to_vec()
}

fn ollama(messages: &Value) -> Vec<Message> {
    let body = json!({"model": "a", "messages": messages}).to_string();
    let request =
        body::read(body.as_bytes()).and_then(|body| ollama::decode_chat(body, RequestId(1)));
    request.expect("is read").prompt.messages().to_vec()
}

fn anthropic(messages: &Value) -> Vec<Message> {
    let body = json!({"model": "a", "max_tokens": 1, "messages": messages}).to_string();
    let request =
        body::read(body.as_bytes()).and_then(|body| anthropic::decode(body, RequestId(1)));
    request.expect("is read").prompt.messages().to_vec()
}

#[test]
fn a_call_is_read_whatever_its_arguments_are() {
    for (sent, read) in [
        (json!("{\"a\": 1}"), "{\"a\": 1}"),
        (json!({"a": 1}), "{\"a\":1}"),
        (json!(""), ""),
        (json!(null), "{}"),
        (json!("{\"a\": tr"), "{\"a\": tr"),
        (json!([1]), "[1]"),
    ] {
        let function = json!({"name": "f", "arguments": sent});
        let called = json!([
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "function": function}]},
            {"role": "tool", "tool_call_id": "c", "content": "r"},
            {"role": "user", "content": "q"},
        ]);
        let item = json!([
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": sent},
            {"type": "function_call_output", "call_id": "c", "output": "r"},
        ]);
        let blocks = json!([
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": sent}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "r"}]},
        ]);
        for messages in [chat(&called), ollama(&called), responses(&item), anthropic(&blocks)] {
            let calls: Vec<_> = messages.iter().flat_map(|message| &message.tool_calls).collect();
            assert_eq!(calls.len(), 1);
            assert_eq!(calls[0].arguments, read, "{sent}");
        }
    }
}

#[test]
fn an_assistant_message_may_be_empty() {
    let messages = json!([
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": null},
        {"role": "assistant"},
        {"role": "user", "content": "q"},
    ]);
    for messages in [chat(&messages), ollama(&messages)] {
        assert_eq!(messages[1], Message::new(Role::Assistant, ""));
    }
}

#[test]
fn an_image_in_an_old_result_becomes_a_placeholder() {
    let results = |messages: Vec<Message>| -> Vec<String> {
        let results = messages.into_iter().filter(|message| message.role == Role::Tool);
        results.map(|message| message.text().into_owned()).collect()
    };
    let image = json!([{"type": "text", "text": "seen:"}, {"type": "image_url", "image_url": {"url": "u"}}]);
    let mut turn = vec![
        json!({"role": "user", "content": "q"}),
        json!({"role": "assistant", "content": "", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}),
        json!({"role": "tool", "tool_call_id": "c", "content": image}),
    ];
    let mut asked = turn.clone();
    asked[2]["content"][1]["image_url"]["url"] = json!("data:image/png;base64,AAAA");
    let now = chat(&json!(asked));
    let parts: Vec<bool> =
        now[2].content.iter().map(|part| matches!(part, ContentPart::Image(_))).collect();
    assert_eq!(parts, [false, true], "the model is asked about it now");
    turn.push(json!({"role": "user", "content": "go on"}));
    assert_eq!(results(chat(&json!(turn))), ["seen:\n[image]"]);

    let output =
        json!([{"type": "input_text", "text": "seen:"}, {"type": "input_image", "image_url": "u"}]);
    let items = json!([
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": output},
        {"role": "user", "content": "go on"},
    ]);
    assert_eq!(results(responses(&items)), ["seen:\n[image]"]);

    let content =
        json!([{"type": "text", "text": "seen:"}, {"type": "image", "source": {"type": "url"}}]);
    let blocks = json!([
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": content}]},
        {"role": "user", "content": "go on"},
    ]);
    assert_eq!(results(anthropic(&blocks)), ["seen:\n[image]"]);
}

proptest! {
    #[test]
    fn every_name_that_the_schemas_allow_is_taken(name in NAME.trim_matches(['^', '$'])) {
        prop_assert_eq!(super::name("name", &name), Ok(()));
    }
}

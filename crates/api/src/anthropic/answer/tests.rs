use harmonic_types::FinishReason;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Texts, reasoning and tool calls, as emitted by an engine.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let text = ".*".prop_map(|text| vec![Event::Text { text, logprobs: Vec::new() }]);
    let reasoning = ".+".prop_map(|text| vec![Event::Reasoning { text }]);
    let call = (1usize..9).prop_map(|cut| {
        let arguments = r#"{"é": [1]}"#;
        let cut = arguments.char_indices().nth(cut).expect("it is longer").0;
        let more = |text: &str| Event::ToolArguments { index: 0, text: text.to_owned() };
        let (id, name) = ("call_1".to_owned(), "find".to_owned());
        let (head, tail) = arguments.split_at(cut);
        vec![Event::ToolCall { index: 0, id, name }, more(head), more(tail)]
    });
    prop::collection::vec(prop_oneof![text, reasoning, call], 0..8).prop_map(|parts| {
        let mut calls = 0;
        let mut events: Vec<Event> = parts.into_iter().flatten().collect();
        for event in &mut events {
            match event {
                Event::ToolCall { index, .. } => {
                    *index = calls;
                    calls += 1;
                }
                Event::ToolArguments { index, .. } => *index = calls - 1,
                _ => {}
            }
        }
        events
    })
}

/// Message accumulated from a stream, as in Anthropic's own clients.
fn added(stream: &str) -> Value {
    let mut message = Value::Null;
    let mut partial = String::new();
    for event in stream.split_terminator("\n\n") {
        let (name, data) = event.split_once("\ndata: ").expect("a name and data");
        let data: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        let index = usize::try_from(data["index"].as_u64().unwrap_or(0)).expect("small");
        let delta = &data["delta"];
        match data["type"].as_str().expect("a word") {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                let blocks = message["content"].as_array_mut().expect("blocks");
                assert_eq!(blocks.len(), index);
                blocks.push(data["content_block"].clone());
                partial.clear();
            }
            "content_block_delta" => {
                let block = &mut message["content"][index];
                for (field, more) in [("text", "text"), ("thinking", "thinking")] {
                    if let Some(more) = delta[more].as_str() {
                        let before = block[field].as_str().expect("its kind");
                        block[field] = format!("{before}{more}").into();
                    }
                }
                partial += delta["partial_json"].as_str().unwrap_or_default();
            }
            "content_block_stop" => {
                if !partial.is_empty() {
                    let input = serde_json::from_str(&partial).expect("whole arguments");
                    message["content"][index]["input"] = input;
                }
            }
            "message_delta" => {
                message["stop_reason"] = delta["stop_reason"].clone();
                message["stop_sequence"] = delta["stop_sequence"].clone();
                message["usage"] = data["usage"].clone();
            }
            other => assert_eq!(other, "message_stop"),
        }
    }
    message
}

/// Blocks of `message` in the order of a document, those of a kind joined.
fn sorted(message: &Value) -> (String, String, Vec<Value>) {
    let blocks = message["content"].as_array().expect("blocks");
    let all = |field: &str| -> String { blocks.iter().filter_map(|b| b[field].as_str()).collect() };
    let calls = blocks.iter().filter(|block| block["type"] == "tool_use").cloned();
    (all("thinking"), all("text"), calls.collect())
}

proptest! {
    #[test]
    fn a_stream_adds_up_to_the_whole_answer(events in events(),
        cached_tokens in 0u32..9,
        reason in prop::sample::select(vec![
            FinishReason::Stop,
            FinishReason::StopString { index: 0 },
            FinishReason::Length,
        ]),
    ) {
        let usage = Usage { prompt_tokens: 9, completion_tokens: 4, cached_tokens };
        let new = || MessageEncoder::new("msg_1".to_owned(), "coder".to_owned(), vec!["END".to_owned()]);
        let (mut stream, mut whole) = (BytesMut::new(), BytesMut::new());
        let (mut encoder, mut collected) = (new(), CollectedAnswer::default());
        encoder.open(9, &mut stream);
        for event in events {
            encoder.event(0, &event, &mut stream);
            collected.push(event);
        }
        let finish = Finish::of(reason).expect("an answer");
        encoder.end(0, finish, usage, &mut stream);
        encoder.close(usage, &mut stream);
        collected.end(finish, usage);
        new().document(vec![collected], usage, &mut whole);

        let added = added(str::from_utf8(&stream).expect("text"));
        let whole: Value = serde_json::from_slice(&whole).expect("JSON");
        prop_assert_eq!(sorted(&added), sorted(&whole));
        let met = (reason == FinishReason::StopString { index: 0 }).then_some("END");
        prop_assert_eq!(whole["stop_sequence"].as_str(), met);
        prop_assert_eq!(whole["stop_reason"] == "stop_sequence", met.is_some());
        for field in ["id", "type", "role", "model", "stop_reason", "stop_sequence", "usage"] {
            prop_assert_eq!(&added[field], &whole[field]);
        }
    }
}

use harmonic_types::Usage;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Item, Response};
use super::*;
use crate::response_encoder::ResponseMeta;

/// Reasoning, a text and tool calls, in the order of a document.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let pieces = || prop::collection::vec(".+", 0..3);
    (pieces(), pieces(), prop::collection::vec((".+", ".+", pieces()), 0..3)).prop_map(
        |(reasoning, text, calls)| {
            let reasoning = reasoning.into_iter().map(|text| Event::Reasoning { text });
            let text = text.into_iter().map(|text| Event::Text { text, logprobs: Vec::new() });
            let calls = (0..).zip(calls).flat_map(|(index, (id, name, pieces))| {
                let more = move |text| Event::ToolArguments { index, text };
                std::iter::once(Event::ToolCall { index, id, name })
                    .chain(pieces.into_iter().map(more))
            });
            reasoning.chain(text).chain(calls).collect()
        },
    )
}

fn encoder() -> ResponsesEncoder {
    let body = json!({"model": "coder", "input": "hi", "metadata": {"a": "b"}});
    let meta =
        ResponseMeta { id: harmonic_types::RequestId(1), name: "1-1".to_owned(), created: 7 };
    super::super::parse(body.to_string().as_bytes(), &meta).expect("a good body").encoder
}

proptest! {
    #[test]
    fn a_stream_adds_up_to_the_whole_response(
        events in events(),
        finish in prop::sample::select(vec![
            Finish::Stop,
            Finish::StopString { index: 0 },
            Finish::Length,
            Finish::ToolCalls,
        ]),
        cached_tokens in 0u32..9,
    ) {
        let usage = Usage { prompt_tokens: 9, completion_tokens: 4, cached_tokens };
        let (mut stream, mut whole) = (BytesMut::new(), BytesMut::new());
        let (mut streamed, mut collected) = (encoder(), CollectedAnswer::default());
        streamed.open(9, &mut stream);
        for event in events {
            streamed.event(0, &event, &mut stream);
            collected.push(event);
        }
        streamed.end(0, finish, usage, &mut stream);
        streamed.close(usage, &mut stream);
        collected.end(finish, usage);
        encoder().document(vec![collected], usage, &mut whole);
        let whole: Response = serde_json::from_slice(&whole).expect("its own form");

        let stream = str::from_utf8(&stream).expect("text");
        let mut done: Vec<Item> = Vec::new();
        let mut deltas = String::new();
        let mut last = Value::Null;
        for (number, event) in stream.split_terminator("\n\n").enumerate() {
            let (name, data) = event.split_once("\ndata: ").expect("a name and data");
            let data: Value = serde_json::from_str(data).expect("JSON");
            prop_assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
            prop_assert_eq!(data["sequence_number"].as_u64(), u64::try_from(number).ok());
            let kind = data["type"].as_str().expect("a word");
            if kind.rsplit_once('.').is_some_and(|(_, last)| last == "delta") {
                deltas += data["delta"].as_str().expect("a text");
            } else if kind == "response.output_item.done" {
                done.push(serde_json::from_value(data["item"].clone()).expect("an item"));
                deltas.clear();
            } else if let Some(text) = data["text"].as_str().or(data["arguments"].as_str()) {
                prop_assert_eq!(text, &deltas);
            }
            last = data["response"].clone();
        }
        let last: Response = serde_json::from_value(last).expect("a response at the end");
        prop_assert_eq!(&last, &whole);
        prop_assert_eq!(done, whole.output);
    }
}

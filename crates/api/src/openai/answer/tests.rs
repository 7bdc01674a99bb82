use harmonic_types::{TokenBytes, Usage};
use proptest::prelude::*;

use super::*;

fn logprob() -> impl Strategy<Value = TokenLogprob> {
    let token = || any::<Vec<u8>>().prop_map(TokenBytes);
    (token(), -50.0f32..=0.0, prop::collection::vec((token(), -50.0f32..=0.0), 0..3))
        .prop_map(|(token, logprob, top)| TokenLogprob { token, logprob, top })
}

/// Events of one answer, with tool calls numbered as by an engine.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let text = (any::<String>(), prop::collection::vec(logprob(), 0..3))
        .prop_map(|(text, logprobs)| vec![Event::Text { text, logprobs }]);
    let reasoning = any::<String>().prop_map(|text| vec![Event::Reasoning { text }]);
    let call = (any::<String>(), any::<String>(), prop::collection::vec(any::<String>(), 0..3))
        .prop_map(|(id, name, pieces)| {
            let pieces = pieces.into_iter().map(|text| Event::ToolArguments { index: 0, text });
            std::iter::once(Event::ToolCall { index: 0, id, name }).chain(pieces).collect()
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

fn encoder(logprobs: bool) -> ChatEncoder {
    ChatEncoder {
        id: "chatcmpl-1".to_owned(),
        created: 7,
        model: "coder".to_owned(),
        answers: 2,
        logprobs,
        count: true,
    }
}

proptest! {
    #[test]
    fn chunks_survive_the_wire_and_add_up_to_the_whole_answers(
        answers in [events(), events()],
        logprobs in any::<bool>(),
        (prompt_tokens, completion_tokens, cached_tokens) in any::<(u32, u32, u32)>(),
    ) {
        let usage = Usage { prompt_tokens, completion_tokens, cached_tokens };
        let (mut stream, mut whole) = (BytesMut::new(), BytesMut::new());
        let mut streamed = encoder(logprobs);
        let mut collected = [CollectedAnswer::default(), CollectedAnswer::default()];
        streamed.open(prompt_tokens, &mut stream);
        for (choice, (events, collected)) in (0..).zip(answers.iter().zip(&mut collected)) {
            for event in events {
                streamed.event(choice, event, &mut stream);
                collected.push(event.clone());
            }
            streamed.end(choice, Finish::Stop, usage, &mut stream);
            collected.end(Finish::Stop, usage);
        }
        streamed.close(usage, &mut stream);
        encoder(logprobs).document(collected.into(), usage, &mut whole);
        let whole: ChatResponse = serde_json::from_slice(&whole).expect("its own form");

        let stream = str::from_utf8(&stream).expect("text");
        let data: Vec<&str> = stream
            .split_terminator("\n\n")
            .map(|event| event.strip_prefix("data: ").expect("an event"))
            .collect();
        let (done, chunks) = data.split_last().expect("at least the end");
        prop_assert_eq!(*done, sse::DONE);
        let mut added: Vec<Added> = vec![Added::default(), Added::default()];
        let mut counted = None;
        for data in chunks {
            let chunk: ChatChunk<'_> = serde_json::from_str(data).expect("its own form");
            prop_assert_eq!(&serde_json::to_string(&chunk).expect("JSON"), data);
            counted = chunk.usage;
            for choice in chunk.choices {
                added[choice.index as usize].take(choice);
            }
        }
        prop_assert_eq!(Some(whole.usage), counted);
        for (choice, added) in whole.choices.iter().zip(added) {
            prop_assert_eq!(choice.message.content.clone().unwrap_or_default(), added.text);
            prop_assert_eq!(
                choice.message.reasoning_content.clone().unwrap_or_default(),
                added.reasoning
            );
            prop_assert_eq!(
                choice.logprobs.clone().map(|all| all.content),
                logprobs.then_some(added.tokens)
            );
            let calls = choice.message.tool_calls.iter().flatten();
            let calls: Vec<_> = calls
                .map(|call| {
                    let called = call.function.clone();
                    let arguments = called.arguments.as_str().expect("JSON text").to_owned();
                    (call.id.clone(), called.name, arguments)
                })
                .collect();
            prop_assert_eq!(calls, added.calls);
        }
    }
}

/// Message accumulated from the chunks of one answer.
#[derive(Debug, Default)]
struct Added {
    text: String,
    reasoning: String,
    tokens: Vec<super::super::TokenEntry>,
    calls: Vec<(String, String, String)>,
}

impl Added {
    fn take(&mut self, choice: ChunkChoice<'_>) {
        self.text += &choice.delta.content.unwrap_or_default();
        self.reasoning += &choice.delta.reasoning_content.unwrap_or_default();
        self.tokens.extend(choice.logprobs.into_iter().flat_map(|logprobs| logprobs.content));
        for call in choice.delta.tool_calls.into_iter().flatten() {
            if let (Some(id), Some(name)) = (call.id, call.function.name) {
                self.calls.push((id.into_owned(), name.into_owned(), String::new()));
            }
            let arguments = call.function.arguments.unwrap_or_default();
            self.calls[call.index as usize].2 += &arguments;
        }
    }
}

#[test]
fn infinite_logprobs_are_written_as_openai_does() {
    let token = TokenLogprob {
        token: TokenBytes(vec![0xC3]),
        logprob: f32::NEG_INFINITY,
        top: vec![("é".into(), f32::NAN)],
    };
    insta::assert_snapshot!(
        serde_json::to_string(&entries(&[token])).expect("JSON"),
        @r#"{"content":[{"token":"�","logprob":-9999.0,"bytes":[195],"top_logprobs":[{"token":"é","logprob":-9999.0,"bytes":[195,169]}]}]}"#
    );
}

#[test]
fn a_cancelled_generation_is_no_answer() {
    use harmonic_types::FinishReason as Reason;
    let words = [Reason::Stop, Reason::Length, Reason::ToolCalls, Reason::Cancelled]
        .map(|reason| Finish::of(reason).map(Finish::as_str));
    assert_eq!(words, [Some("stop"), Some("length"), Some("tool_calls"), None]);
}

use harmonic_types::Usage;
use proptest::prelude::*;

use super::*;

fn logprob() -> impl Strategy<Value = TokenLogprob> {
    (
        any::<String>(),
        -50.0f32..=0.0,
        prop::collection::vec((any::<String>(), -50.0f32..=0.0), 0..3),
    )
        .prop_map(|(text, logprob, top)| TokenLogprob { text, logprob, top })
}

fn delta() -> impl Strategy<Value = Event> {
    prop_oneof![
        (any::<String>(), prop::collection::vec(logprob(), 0..3))
            .prop_map(|(text, logprobs)| Event::Text { text, logprobs }),
        any::<String>().prop_map(|text| Event::Reasoning { text }),
    ]
}

fn answer(logprobs: bool) -> Answer {
    Answer { id: "chatcmpl-1".to_owned(), created: 7, model: "coder".to_owned(), logprobs }
}

proptest! {
    #[test]
    fn chunks_survive_the_wire_and_add_up_to_the_whole_answer(
        events in prop::collection::vec(delta(), 0..10),
        logprobs in any::<bool>(),
        (prompt_tokens, completion_tokens, cached_tokens) in any::<(u32, u32, u32)>(),
    ) {
        let answer = answer(logprobs);
        let usage = Usage { prompt_tokens, completion_tokens, cached_tokens };
        let mut chunks = vec![answer.opening()];
        chunks.extend(events.iter().filter_map(|event| answer.delta(event)));
        chunks.extend([answer.finish("stop"), answer.usage(usage)]);

        let mut collected = Collected::default();
        for event in &events {
            collected.push(event);
        }
        let whole = collected.finish(answer.clone(), "stop", usage);

        let (mut text, mut reasoning, mut tokens) = (String::new(), String::new(), Vec::new());
        for chunk in &chunks {
            let wire = serde_json::to_string(chunk).expect("JSON");
            let read: ChatChunk<'_> = serde_json::from_str(&wire).expect("its own form");
            prop_assert_eq!(&read, chunk);
            for choice in read.choices {
                text += &choice.delta.content.unwrap_or_default();
                reasoning += &choice.delta.reasoning_content.unwrap_or_default();
                tokens.extend(choice.logprobs.into_iter().flat_map(|logprobs| logprobs.content));
            }
        }
        let wire = serde_json::to_string(&whole).expect("JSON");
        prop_assert_eq!(&serde_json::from_str::<ChatResponse>(&wire).expect("its own form"), &whole);
        let choice = &whole.choices[0];
        prop_assert_eq!(choice.message.content.as_ref(), Some(&text));
        prop_assert_eq!(choice.message.reasoning_content.clone().unwrap_or_default(), reasoning);
        prop_assert_eq!(choice.logprobs.as_ref().map(|all| &all.content), logprobs.then_some(&tokens));
        prop_assert_eq!(Some(whole.usage), chunks.last().and_then(|chunk| chunk.usage));
    }
}

#[test]
fn what_json_has_no_number_for_is_written_as_openai_does() {
    let token = TokenLogprob {
        text: "\u{fffd}".to_owned(),
        logprob: f32::NEG_INFINITY,
        top: vec![("é".to_owned(), f32::NAN)],
    };
    insta::assert_snapshot!(
        serde_json::to_string(&entries(&[token])).expect("JSON"),
        @r#"{"content":[{"token":"�","logprob":-9999.0,"bytes":null,"top_logprobs":[{"token":"é","logprob":-9999.0,"bytes":[195,169]}]}]}"#
    );
}

#[test]
fn a_cancelled_generation_is_no_answer() {
    let words =
        [FinishReason::Stop, FinishReason::Length, FinishReason::Cancelled].map(finish_word);
    assert_eq!(words, [Some("stop"), Some("length"), None]);
}

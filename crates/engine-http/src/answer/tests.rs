use harmonic_api::openai;

use super::*;

fn text(text: &str) -> ChatEvent {
    ChatEvent::Delta(Event::Text { text: text.to_owned(), logprobs: Vec::new() })
}

fn call(index: u32, id: &str, name: &str) -> ChatEvent {
    let (id, name) = (id.to_owned(), name.to_owned());
    ChatEvent::Delta(Event::ToolCall { index, id, name })
}

fn arguments(index: u32, text: &str) -> ChatEvent {
    ChatEvent::Delta(Event::ToolArguments { index, text: text.to_owned() })
}

fn finish(reason: &str) -> ChatEvent {
    ChatEvent::Finish { reason: reason.to_owned() }
}

/// Events of an answer, and its end.
fn read(parallel: bool, sent: Vec<ChatEvent>) -> (Vec<Event>, Result<End, String>) {
    let (mut answer, mut events) = (Answer::new(parallel), Vec::new());
    for event in sent {
        if let Err(reason) = answer.take(event, &mut |event| events.push(event)) {
            return (events, Err(reason));
        }
    }
    (events, Ok(answer.end()))
}

/// Name and arguments of each call, in order.
fn calls(events: &[Event]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for event in events {
        match event {
            Event::ToolCall { index, name, .. } => {
                assert_eq!(*index as usize, found.len());
                found.push((name.clone(), String::new()));
            }
            Event::ToolArguments { index, text } => {
                assert_eq!(*index as usize + 1, found.len(), "calls do not overlap");
                found.last_mut().expect("a call").1.push_str(text);
            }
            _ => {}
        }
    }
    found
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn reasons_and_counts_are_the_servers() {
    let usage = openai::Usage {
        prompt_tokens: 7,
        completion_tokens: 2,
        total_tokens: 9,
        prompt_tokens_details: Some(openai::PromptTokensDetails { cached_tokens: Some(5) }),
    };
    let (events, end) = read(true, vec![text("a"), finish("length"), ChatEvent::Usage(usage)]);
    assert_eq!(events.len(), 1);
    let usage = Some(Usage { prompt_tokens: 7, completion_tokens: 2, cached_tokens: 5 });
    assert_eq!(end, Ok(End::Finished { reason: FinishReason::Length, usage }));
    let (_, end) = read(true, vec![finish("stop")]);
    assert_eq!(end, Ok(End::Finished { reason: FinishReason::Stop, usage: None }));
}

#[test]
fn an_answer_without_a_final_event_or_with_a_strange_one_has_failed() {
    for (sent, said) in [
        (vec![text("a")], "without its final event"),
        (vec![], "without its final event"),
        (vec![text("a"), finish("content_filter")], "content_filter"),
        (vec![finish("load")], "load"),
    ] {
        let (_, end) = read(true, sent);
        let Ok(End::Failed(message)) = end else { panic!("{end:?}") };
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn calls_end_an_answer_whatever_the_server_calls_it() {
    for reason in ["stop", "tool_calls", "function_call"] {
        let sent = vec![call(0, "c1", "look"), arguments(0, "{\"a\":1}"), finish(reason)];
        let (events, end) = read(true, sent);
        assert_eq!(calls(&events), pairs(&[("look", "{\"a\":1}")]));
        let usage = None;
        assert_eq!(end, Ok(End::Finished { reason: FinishReason::ToolCalls, usage }));
    }
}

#[test]
fn calls_are_told_apart_by_index_or_id() {
    // Repeated beginnings; two calls of one index; calls without ids or arguments.
    let sent = vec![
        call(0, "c1", "look"),
        arguments(0, "{"),
        call(0, "c1", "look"),
        arguments(0, "}"),
        call(0, "c2", "go"),
        call(1, "", "stay"),
        arguments(1, "{\"b\":2}"),
        finish("tool_calls"),
    ];
    let (events, _) = read(true, sent);
    assert_eq!(calls(&events), pairs(&[("look", "{}"), ("go", "{}"), ("stay", "{\"b\":2}")]));
    let ids: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::ToolCall { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    assert!(ids[..2] == ["c1", "c2"] && !ids[2].is_empty(), "{ids:?}");
}

#[test]
fn one_call_is_one_call() {
    let sent = vec![
        call(0, "c1", "look"),
        arguments(0, "{}"),
        call(1, "c2", "go"),
        arguments(1, "{}"),
        finish("tool_calls"),
    ];
    let (events, end) = read(false, sent);
    assert_eq!(calls(&events), pairs(&[("look", "{}")]));
    assert!(matches!(end, Ok(End::Finished { reason: FinishReason::ToolCalls, .. })));
}

#[test]
fn overlapping_calls_are_a_failure() {
    let sent = vec![call(0, "c1", "look"), call(1, "c2", "go"), arguments(0, "{}")];
    assert!(read(true, sent).1.is_err_and(|reason| reason.contains("had not begun")));
    assert!(read(true, vec![arguments(0, "{}")]).1.is_err());
}

#[test]
fn an_endless_answer_is_cut_off() {
    let mut answer = Answer::new(true);
    let part = "a".repeat(1 << 20);
    let mut passed = 0;
    let reason = loop {
        let taken = answer.take(text(&part), &mut |_| passed += 1);
        if let Err(reason) = taken {
            break reason;
        }
    };
    assert_eq!(passed, MAX_BYTES >> 20);
    assert!(reason.contains("16 MiB"), "{reason}");
    let mut answer = Answer::new(true);
    let mut parts = 0;
    while answer.take(text("a"), &mut |_| {}).is_ok() {
        parts += 1;
    }
    assert_eq!(parts, MAX_PARTS);
}

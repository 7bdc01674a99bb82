//! Answers in both dialects.

use harmonic_engine::Engine;
use harmonic_types::{
    Event, FinishReason, Message, Prompt, RemoteDialect, Request, Role, Tool, ToolChoice, Usage,
};

use crate::scripted_server::{DONE, FINISH, ScriptedServer, USAGE, delta, sse};
use crate::setup::{Answer, ask, collect, engine, submit};

const OPENAI: RemoteDialect = RemoteDialect::OpenAi;
const OLLAMA: RemoteDialect = RemoteDialect::Ollama;

/// Answer of a server that sends `parts` to `request`; the path and body that it got.
async fn exchange(
    dialect: RemoteDialect,
    request: Request,
    parts: &[String],
) -> (Answer, String, serde_json::Value) {
    let mut server = ScriptedServer::start().await;
    let engine = engine(&server.url, dialect, 2);
    let answer = submit(&engine, request);
    let mut received = server.next().await;
    let (path, body) = (received.path.clone(), received.body.clone());
    received.open().await;
    for part in parts {
        received.chunk(part).await;
    }
    received.close().await;
    (answer.await.expect("an answer"), path, body)
}

fn lines(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| format!("{part}\n")).collect()
}

fn with_tool() -> Request {
    let parameters = r#"{"type":"object","properties":{"at":{"type":"integer"}}}"#.to_owned();
    let tool = Tool { name: "look".to_owned(), description: None, parameters };
    let messages = vec![Message::new(Role::User, "hi")];
    Request { prompt: Prompt::Chat { messages, tools: vec![tool] }, ..ask(1, "coder") }
}

/// Name and arguments of the first call.
fn call(answer: &Answer) -> (String, String) {
    let (mut found, mut arguments) = (String::new(), String::new());
    for event in &answer.events {
        match event {
            Event::ToolCall { index: 0, id, name } => {
                assert!(!id.is_empty());
                found.clone_from(name);
            }
            Event::ToolArguments { index: 0, text } => arguments += text,
            _ => {}
        }
    }
    (found, arguments)
}

#[tokio::test]
async fn openais_chunks_become_events() {
    let reasoning = r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#;
    let parts = [
        sse(&[reasoning]),
        sse(&[&delta("hé")]),
        sse(&[&delta("llo"), FINISH, USAGE]),
        DONE.to_owned(),
    ];
    let (answer, path, body) = exchange(OPENAI, ask(1, "coder"), &parts).await;
    assert_eq!((path.as_str(), answer.text.as_str()), ("/v1/chat/completions", "héllo"));
    assert_eq!(answer.events[0], Event::Reasoning { text: "hm".to_owned() });
    let usage = Usage { prompt_tokens: 11, completion_tokens: 3, cached_tokens: 0 };
    assert_eq!(answer.end, Some((FinishReason::Stop, usage)));
    assert_eq!(body["messages"][0]["content"], "Answer.");
    assert_eq!(body["messages"][1]["content"], "hi");
}

#[tokio::test]
async fn ollamas_lines_become_events() {
    let parts = lines(&[
        r#"{"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#,
        r#"{"message":{"role":"assistant","content":"hello"},"done":false}"#,
        r#"{"message":{"content":""},"done":true,"done_reason":"length","prompt_eval_count":11,"eval_count":3}"#,
    ]);
    let (answer, path, body) = exchange(OLLAMA, ask(1, "coder"), &parts).await;
    assert_eq!((path.as_str(), answer.text.as_str()), ("/api/chat", "hello"));
    assert_eq!(answer.events[0], Event::Reasoning { text: "hm".to_owned() });
    let usage = Usage { prompt_tokens: 11, completion_tokens: 3, cached_tokens: 0 };
    assert_eq!(answer.end, Some((FinishReason::Length, usage)));
    assert_eq!(body["messages"][0]["content"], "Answer.");
}

#[tokio::test]
async fn tools_are_called_in_both_dialects() {
    let begun = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"look","arguments":"{\"at\""}}]}}]}"#;
    let more = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#;
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;
    let parts = [sse(&[begun, more, end, USAGE]), DONE.to_owned()];
    let forced = Request { tool_choice: ToolChoice::Required, ..with_tool() };
    let (answer, _, body) = exchange(OPENAI, forced, &parts).await;
    assert_eq!(call(&answer), ("look".to_owned(), "{\"at\":1}".to_owned()));
    assert_eq!(answer.end.map(|(reason, _)| reason), Some(FinishReason::ToolCalls));
    assert_eq!(body["tool_choice"], "required");
    assert_eq!(body["tools"][0]["function"]["name"], "look");

    let parts = lines(&[
        r#"{"message":{"content":"","tool_calls":[{"function":{"name":"look","arguments":{"at":1}}}]},"done":false}"#,
        r#"{"message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":3}"#,
    ]);
    let (answer, _, body) = exchange(OLLAMA, with_tool(), &parts).await;
    assert_eq!(call(&answer), ("look".to_owned(), "{\"at\":1}".to_owned()));
    assert_eq!(answer.end.map(|(reason, _)| reason), Some(FinishReason::ToolCalls));
    assert_eq!(body["tools"][0]["function"]["name"], "look");
}

#[tokio::test]
async fn log_probabilities_are_passed_on() {
    let part = r#"{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-1.5,"bytes":null}]}]}}]}"#;
    let parts = [sse(&[part, FINISH, USAGE]), DONE.to_owned()];
    let request = Request { top_logprobs: Some(1), ..ask(1, "coder") };
    let (answer, _, body) = exchange(OPENAI, request, &parts).await;
    assert_eq!((&body["logprobs"], &body["top_logprobs"]), (&true.into(), &1.into()));
    let Event::Text { logprobs, .. } = &answer.events[0] else { panic!("{answer:?}") };
    assert_eq!((logprobs[0].token.text().as_ref(), logprobs[0].top.len()), ("a", 1));
}

#[tokio::test]
async fn texts_are_continued_in_both_dialects() {
    let text = |dialect| {
        let request = Request { prompt: Prompt::Text("Once".to_owned()), ..ask(1, "coder") };
        let parts: Vec<String> = match dialect {
            OPENAI => vec![
                sse(&[
                    r#"{"choices":[{"index":0,"text":" upon","logprobs":null,"finish_reason":null}]}"#,
                    r#"{"choices":[{"index":0,"text":"","finish_reason":"length"}]}"#,
                    USAGE,
                ]),
                DONE.to_owned(),
            ],
            OLLAMA => lines(&[
                r#"{"response":" upon","done":false}"#,
                r#"{"response":"","done":true,"done_reason":"length","prompt_eval_count":11,"eval_count":3}"#,
            ]),
        };
        async move { exchange(dialect, request, &parts).await }
    };
    for (dialect, expected) in [(OPENAI, "/v1/completions"), (OLLAMA, "/api/generate")] {
        let (answer, path, _) = text(dialect).await;
        assert_eq!((path.as_str(), answer.text.as_str()), (expected, " upon"));
        assert_eq!(answer.end.map(|(reason, _)| reason), Some(FinishReason::Length));
    }
}

#[tokio::test]
async fn a_request_is_admitted_before_the_first_token() {
    let mut server = ScriptedServer::start().await;
    let engine = engine(&server.url, OPENAI, 2);
    let request = engine.submit(ask(7, "coder"));
    let answering = async {
        let mut received = server.next().await;
        received.open().await;
        received
    };
    let (generation, received) = tokio::join!(request, answering);
    let generation = generation.expect("admitted");
    assert_eq!(generation.admitted().request, harmonic_types::RequestId(7));
    assert!(generation.admitted().prompt_tokens > 0, "an estimate");
    drop(received);
    assert!(collect(generation).await.failure.is_some());
}

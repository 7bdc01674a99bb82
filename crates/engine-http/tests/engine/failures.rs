//! Servers that fail, and what they send without end.

use std::time::Duration;

use harmonic_engine::Engine;
use harmonic_types::{FinishReason, Rejection, RemoteDialect};
use tokio::net::TcpListener;

use crate::scripted_server::{DONE, FINISH, Received, ScriptedServer, delta, sse};
use crate::setup::{ask, config, engine, start, submit};

const OPENAI: RemoteDialect = RemoteDialect::OpenAi;
const OLLAMA: RemoteDialect = RemoteDialect::Ollama;

/// Failure of the engine where the server does `script` to its request.
async fn failure<F: Future<Output = ()>>(
    dialect: RemoteDialect,
    script: impl FnOnce(Received) -> F,
) -> String {
    let mut server = ScriptedServer::start().await;
    let engine = engine(&server.url, dialect, 2);
    let answer = submit(&engine, ask(1, "coder"));
    script(server.next().await).await;
    let answer = answer.await.expect("an answer");
    answer.failure.expect("it failed")
}

#[tokio::test]
async fn an_answer_without_its_end_has_failed() {
    let message = failure(OPENAI, async |mut received| {
        received.open().await;
        received.chunk(&sse(&[&delta("hel")])).await;
    })
    .await;
    assert!(!message.is_empty());
    // A proper end of the response, but none of the stream.
    let message = failure(OPENAI, async |mut received| {
        received.open().await;
        received.chunk(&sse(&[&delta("hel"), FINISH])).await;
        received.close().await;
    })
    .await;
    assert!(message.contains("[DONE]"), "{message}");
    // As Ollama does when its runner is killed: an empty chunk, then the end.
    let message = failure(OPENAI, async |mut received| {
        received.open().await;
        let empty = r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}"#;
        received.chunk(&sse(&[&delta("hel"), empty])).await;
        received.chunk(DONE).await;
        received.close().await;
    })
    .await;
    assert!(message.contains("without its final event"), "{message}");
    let message = failure(OLLAMA, async |mut received| {
        received.open().await;
        received.chunk("{\"message\":{\"content\":\"hel\"},\"done\":false}\n").await;
        received.close().await;
    })
    .await;
    assert!(message.contains("ended before its last line"), "{message}");
}

#[tokio::test]
async fn a_servers_own_error_in_mid_stream_is_told() {
    let message = failure(OLLAMA, async |mut received| {
        received.open().await;
        let error = "{\"error\":\"an error was encountered while running the model\"}\n";
        received.chunk(error).await;
        received.close().await;
    })
    .await;
    assert!(message.contains("while running the model"), "{message}");
    let message = failure(OPENAI, async |mut received| {
        received.open().await;
        received.chunk(&sse(&[r#"{"error":{"message":"out of memory","code":500}}"#])).await;
        received.close().await;
    })
    .await;
    assert!(message.contains("out of memory"), "{message}");
}

#[tokio::test]
async fn a_request_at_fault_is_rejected_with_the_servers_message() {
    for (dialect, status, body, said) in [
        (
            OPENAI,
            "400 Bad Request",
            r#"{"error":{"message":"the prompt exceeds the context","type":"invalid_request"}}"#,
            "the prompt exceeds the context",
        ),
        (OLLAMA, "400 Bad Request", r#"{"error":"\"m\" does not support tools"}"#, "tools"),
        (OPENAI, "422 Unprocessable Entity", "no JSON at all", "no JSON at all"),
    ] {
        let mut server = ScriptedServer::start().await;
        let engine = engine(&server.url, dialect, 2);
        let submitted = engine.submit(ask(1, "coder"));
        let responding = async { server.next().await.respond(status, "", body).await };
        let (submitted, ()) = tokio::join!(submitted, responding);
        let Err(Rejection::Invalid { message }) = submitted else { panic!("{submitted:?}") };
        assert!(message.contains(said), "{message}");
    }
}

#[tokio::test]
async fn any_other_status_is_a_failure_with_the_servers_message() {
    for (status, headers) in [
        ("500 Internal Server Error", ""),
        ("503 Service Unavailable", ""),
        ("404 Not Found", ""),
        ("401 Unauthorized", ""),
        ("307 Temporary Redirect", "location: http://127.0.0.1:1/\r\n"),
    ] {
        let message = failure(OPENAI, async |received| {
            received.respond(status, headers, r#"{"error":{"message":"my reason"}}"#).await;
        })
        .await;
        let code = status.split(' ').next().expect("a code");
        assert!(message.contains("my reason") && message.contains(code), "{message}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let engine = engine(&url, OPENAI, 2);
    let failure = submit(&engine, ask(1, "coder")).await.expect("an answer").failure;
    assert!(failure.is_some_and(|message| message.contains("cannot reach")));
}

#[tokio::test]
async fn endless_lines_are_cut_off() {
    for (dialect, parts, expected) in
        [(OPENAI, 18, "more than 16777216 bytes"), (OLLAMA, 6, "4 MiB")]
    {
        let message = failure(dialect, async |mut received| {
            received.open().await;
            let part = "a".repeat(1 << 20);
            for _ in 0..parts {
                received.chunk(&part).await;
            }
            received.closed().await;
        })
        .await;
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    for begins in [false, true] {
        let mut server = ScriptedServer::start().await;
        let mut config = config(&server.url, OPENAI, 2);
        config.idle_timeout = Some(Duration::from_millis(50));
        let engine = start(config);
        let answer = submit(&engine, ask(1, "coder"));
        let mut received = server.next().await;
        if begins {
            received.open().await;
            received.chunk(&sse(&[&delta("hel")])).await;
        }
        received.closed().await;
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.text.is_empty(), !begins);
        assert!(answer.failure.is_some_and(|message| message.contains("timed out")));
    }
}

#[tokio::test]
async fn counts_that_are_missing_are_estimated() {
    let mut server = ScriptedServer::start().await;
    let engine = engine(&server.url, OPENAI, 2);
    let answer = submit(&engine, ask(1, "coder"));
    let mut received = server.next().await;
    received.open().await;
    received.chunk(&sse(&[&delta("a"), &delta("b"), FINISH])).await;
    received.chunk(DONE).await;
    received.close().await;
    let (reason, usage) = answer.await.expect("an answer").end.expect("an end");
    assert_eq!((reason, usage.completion_tokens), (FinishReason::Stop, 2));
    assert!(usage.prompt_tokens > 0, "never zero");
}

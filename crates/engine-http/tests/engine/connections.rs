//! Connections: closed by a cancellation, reused, and closed by the server.

use harmonic_engine::Engine;
use harmonic_types::RemoteDialect;

use crate::scripted_server::{ScriptedServer, delta, sse};
use crate::setup::{ask, background, config, engine, start, submit, until};

const OPENAI: RemoteDialect = RemoteDialect::OpenAi;

#[tokio::test]
async fn a_cancelled_request_closes_its_connection_and_frees_its_slot() {
    let mut server = ScriptedServer::start().await;
    let engine = engine(&server.url, OPENAI, 1);
    // Cancelled in mid-stream.
    let request = engine.submit(ask(1, "coder"));
    let answering = async {
        let mut received = server.next().await;
        received.open().await;
        received.chunk(&sse(&[&delta("hel")])).await;
        received
    };
    let (generation, received) = tokio::join!(request, answering);
    let mut generation = generation.expect("admitted");
    generation.next().await.expect("a token");
    drop(generation);
    received.closed().await;
    until(&engine, "coder", 0, 0).await;
    // Cancelled before the server has answered.
    let request = background(engine.submit(ask(2, "coder")));
    let received = server.next().await;
    request.abort();
    received.closed().await;
    until(&engine, "coder", 0, 0).await;
    // Cancelled in the queue.
    let first = submit(&engine, ask(3, "coder"));
    let received = server.next().await;
    let waiting = background(engine.submit(ask(4, "coder")));
    until(&engine, "coder", 1, 1).await;
    waiting.abort();
    until(&engine, "coder", 1, 0).await;
    received.answer("done").await;
    assert_eq!(first.await.expect("an answer").text, "done");
    assert!(server.arrived().is_none(), "the cancelled request is never sent");
}

#[tokio::test]
async fn a_request_on_a_connection_that_was_closed_while_idle_is_sent_once_more() {
    let mut server = ScriptedServer::start().await;
    let engine = engine(&server.url, OPENAI, 1);
    let first = submit(&engine, ask(1, "coder"));
    server.next().await.answer("one").await;
    assert_eq!(first.await.expect("an answer").text, "one");
    let second = submit(&engine, ask(2, "coder"));
    let received = server.next().await;
    assert_eq!(received.connection, 0, "the connection is reused");
    // Closed without a byte.
    drop(received);
    let again = server.next().await;
    assert_eq!(again.connection, 1, "a new connection");
    again.answer("two").await;
    assert_eq!(second.await.expect("an answer").text, "two");
}

#[tokio::test]
async fn a_request_on_a_new_connection_is_sent_once() {
    let mut server = ScriptedServer::start().await;
    let engine = engine(&server.url, OPENAI, 1);
    let answer = submit(&engine, ask(1, "coder"));
    drop(server.next().await);
    assert!(answer.await.expect("an answer").failure.is_some());
    assert!(server.arrived().is_none());
}

#[tokio::test]
async fn the_key_goes_to_the_server_and_nowhere_else() {
    let mut server = ScriptedServer::start().await;
    let mut config = config(&server.url, OPENAI, 1);
    config.endpoint.key = Some("sk-secret".to_owned());
    let engine = start(config);
    assert!(!format!("{engine:?}").contains("secret"));
    let answer = submit(&engine, ask(1, "coder"));
    let received = server.next().await;
    assert!(received.head.to_lowercase().contains("authorization: bearer sk-secret"));
    received.respond("401 Unauthorized", "", r#"{"error":{"message":"wrong key"}}"#).await;
    let message = answer.await.expect("an answer").failure.expect("it failed");
    assert!(message.contains("wrong key") && !message.contains("secret"), "{message}");
}

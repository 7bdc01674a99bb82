//! A client that disconnects frees its slot, in every phase of its request.

use std::time::Duration;

use futures::StreamExt;
use harmonic_api::Client;
use harmonic_api::openai::{ChatMessage, ChatRequest};
use harmonic_gateway::Config;
use harmonic_types::FinishReason;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::scripted_engine::{Script, ScriptedEngine, finished, text, within};
use crate::test_server::{TestServer, body};

/// Sends `request` and returns the open connection without reading the answer.
async fn sent(server: &TestServer, request: &str) -> TcpStream {
    let address = server.url.strip_prefix("http://").expect("http");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        request.len()
    );
    stream.write_all(head.as_bytes()).await.expect("it reads");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    stream
}

#[tokio::test]
async fn while_it_streams() {
    let engine = ScriptedEngine::new(Script::EmitAndWait(vec![text("one")]));
    let server = TestServer::new(&engine).await;
    let response = server.post(body(&json!({"stream": true}))).await;
    let mut chunks = response.bytes_stream();
    within(chunks.next()).await.expect("a piece").expect("whole");
    assert_eq!(*engine.cancelled.borrow(), 0);
    drop(chunks);
    engine.cancelled(1).await;
}

#[tokio::test]
async fn while_a_complete_answer_is_collected() {
    let engine = ScriptedEngine::new(Script::EmitAndWait(vec![text("one")]));
    let server = TestServer::new(&engine).await;
    let connection = sent(&server, &body(&json!({}))).await;
    engine.submitted().await;
    assert_eq!(*engine.cancelled.borrow(), 0);
    drop(connection);
    engine.cancelled(1).await;
}

#[tokio::test]
async fn while_it_is_queued() {
    for stream in [true, false] {
        let engine = ScriptedEngine::new(Script::Queue);
        let server = TestServer::new(&engine).await;
        let connection = sent(&server, &body(&json!({"stream": stream}))).await;
        engine.submitted().await;
        assert_eq!(*engine.cancelled.borrow(), 0);
        drop(connection);
        engine.cancelled(1).await;
    }
}

#[tokio::test]
async fn all_at_once() {
    const STREAMS: u32 = 100;
    let engine = ScriptedEngine::new(Script::EmitAndWait(vec![text("one")]));
    let server = TestServer::new(&engine).await;
    let client = Client::new(&server.url).expect("a client");
    let request = ChatRequest {
        model: "coder".to_owned(),
        messages: vec![ChatMessage::new("user", "hi")],
        ..ChatRequest::default()
    };
    // Our client can keep any number of streams open.
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let mut stream = within(client.chat(&request)).await.expect("an answer");
        within(stream.next()).await.expect("an event").expect("whole");
        streams.push(stream);
    }
    assert_eq!(*engine.cancelled.borrow(), 0);
    drop(streams);
    engine.cancelled(STREAMS).await;
}

#[tokio::test]
async fn while_it_reads_nothing() {
    // More than the socket buffers hold.
    let chunk = text(&"x".repeat(64 * 1024));
    let engine = ScriptedEngine::new(Script::EmitAndWait(vec![chunk; 512]));
    let config = Config { write_timeout: Duration::from_millis(20), ..Config::default() };
    let server = TestServer::with_config(&engine, config).await;
    let connection = sent(&server, &body(&json!({"stream": true}))).await;
    engine.cancelled(1).await;
    drop(connection);
}

#[tokio::test]
async fn not_when_the_answer_is_complete() {
    let engine =
        ScriptedEngine::new(Script::EmitAndWait(vec![text("one"), finished(FinishReason::Stop)]));
    let server = TestServer::new(&engine).await;
    let response = server.post(body(&json!({"stream": true}))).await;
    let whole = within(response.text()).await.expect("a whole stream");
    assert!(whole.ends_with("data: [DONE]\n\n"));
    assert_eq!(*engine.cancelled.borrow(), 0);
}

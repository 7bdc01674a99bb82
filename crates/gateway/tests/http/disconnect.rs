//! A client that goes away frees its slot, wherever its request is.

use std::time::Duration;

use futures::StreamExt;
use harmonic_api::Client;
use harmonic_api::openai::{ChatMessage, ChatRequest};
use harmonic_gateway::Config;
use harmonic_types::FinishReason;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::scripted::{Script, Scripted, finished, text, within};
use crate::served::{Served, body};

/// Sends `request` and leaves the connection open, with no answer awaited.
async fn sent(served: &Served, request: &str) -> TcpStream {
    let address = served.url.strip_prefix("http://").expect("http");
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
    let engine = Scripted::new(Script::Follow(vec![text("one")]));
    let served = Served::new(&engine).await;
    let response = served.post(body(&json!({"stream": true}))).await;
    let mut pieces = response.bytes_stream();
    within(pieces.next()).await.expect("a piece").expect("whole");
    assert_eq!(*engine.cancelled.borrow(), 0);
    drop(pieces);
    engine.cancelled(1).await;
}

#[tokio::test]
async fn while_a_whole_answer_is_gathered() {
    let engine = Scripted::new(Script::Follow(vec![text("one")]));
    let served = Served::new(&engine).await;
    let connection = sent(&served, &body(&json!({}))).await;
    engine.submitted().await;
    assert_eq!(*engine.cancelled.borrow(), 0);
    drop(connection);
    engine.cancelled(1).await;
}

#[tokio::test]
async fn while_it_is_queued() {
    for stream in [true, false] {
        let engine = Scripted::new(Script::Queue);
        let served = Served::new(&engine).await;
        let connection = sent(&served, &body(&json!({"stream": stream}))).await;
        engine.submitted().await;
        assert_eq!(*engine.cancelled.borrow(), 0);
        drop(connection);
        engine.cancelled(1).await;
    }
}

#[tokio::test]
async fn all_at_once() {
    const STREAMS: u32 = 100;
    let engine = Scripted::new(Script::Follow(vec![text("one")]));
    let served = Served::new(&engine).await;
    let client = Client::new(&served.url).expect("a client");
    let request = ChatRequest {
        model: "coder".to_owned(),
        messages: vec![ChatMessage::new("user", "hi")],
        ..ChatRequest::default()
    };
    // Our client keeps any number of streams open.
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
    // More than the sockets between the two hold.
    let piece = text(&"x".repeat(64 * 1024));
    let engine = Scripted::new(Script::Follow(vec![piece; 512]));
    let config = Config { write_timeout: Duration::from_millis(20), ..Config::default() };
    let served = Served::with(&engine, config).await;
    let connection = sent(&served, &body(&json!({"stream": true}))).await;
    engine.cancelled(1).await;
    drop(connection);
}

#[tokio::test]
async fn not_when_the_answer_is_complete() {
    let engine = Scripted::new(Script::Follow(vec![text("one"), finished(FinishReason::Stop)]));
    let served = Served::new(&engine).await;
    let response = served.post(body(&json!({"stream": true}))).await;
    let whole = within(response.text()).await.expect("a whole stream");
    assert!(whole.ends_with("data: [DONE]\n\n"));
    assert_eq!(*engine.cancelled.borrow(), 0);
}

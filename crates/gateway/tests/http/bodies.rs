//! Large, compressed and many bodies: read within limits, without delay for others.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use harmonic_gateway::Config;
use harmonic_types::{Event, FinishReason, Prompt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scripted_engine::{Script, ScriptedEngine, answer, finished, within};
use crate::test_server::{TestServer, body};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory")
}

async fn post_compressed(server: &TestServer, coding: &str, body: Vec<u8>) -> (u16, Value) {
    let url = format!("{}/v1/chat/completions", server.url);
    let sent = server.http.post(url).header("content-encoding", coding).body(body).send();
    let response = within(sent).await.expect("an answer");
    (response.status().as_u16(), within(response.json()).await.expect("JSON"))
}

/// Request with a message of so many letters.
fn request_of(letters: usize) -> String {
    body(&json!({"messages": [{"role": "user", "content": "a".repeat(letters)}]}))
}

#[tokio::test]
async fn a_compressed_body_is_read_like_an_uncompressed_one() {
    type Compress = fn(&[u8]) -> Vec<u8>;
    let codings: [(&str, Compress); 3] =
        [("gzip", gzip), ("zstd", zstd), ("identity", <[u8]>::to_vec)];
    for letters in [2, 100_000, 3_000_000] {
        for (coding, compress) in codings {
            let engine = ScriptedEngine::new(Script::Emit(answer()));
            let server = TestServer::new(&engine).await;
            let (status, reply) =
                post_compressed(&server, coding, compress(request_of(letters).as_bytes())).await;
            assert_eq!(status, 200, "{coding}: {reply}");
            let Prompt::Chat { messages, .. } = engine.submitted().await.prompt else {
                panic!("it is a chat")
            };
            assert_eq!(messages[0].text().len(), letters, "{coding}");
        }
    }
}

#[tokio::test]
async fn a_compressed_body_that_is_too_large_or_invalid_is_refused() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let bomb = request_of(20_000_000);
    for (coding, packed, status, code) in [
        ("gzip", gzip(bomb.as_bytes()), 413, "body_too_large"),
        ("zstd", zstd(bomb.as_bytes()), 413, "body_too_large"),
        ("gzip", request_of(2).into_bytes(), 400, "body_incomplete"),
        ("deflate", gzip(request_of(2).as_bytes()), 400, "body_incomplete"),
        ("gzip", gzip(b"{}")[..12].to_vec(), 400, "body_incomplete"),
        ("gzip, gzip", gzip(&gzip(request_of(2).as_bytes())), 415, "unsupported_encoding"),
        ("br", b"x".to_vec(), 415, "unsupported_encoding"),
        // Compressed twice with one encoding declared: the result is not JSON.
        ("gzip", gzip(&gzip(request_of(2).as_bytes())), 400, "invalid_json"),
    ] {
        let (answered, reply) = post_compressed(&server, coding, packed).await;
        assert_eq!((answered, reply["error"]["code"].as_str()), (status, Some(code)), "{coding}");
    }
    assert_eq!(server.get("/health").await.status(), 200);
}

#[tokio::test]
async fn the_error_lists_the_supported_encodings() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let url = format!("{}/v1/messages", server.url);
    let sent = server.http.post(url).header("content-encoding", "br").body("x").send();
    let response = within(sent).await.expect("an answer");
    assert_eq!(response.headers()["accept-encoding"], "gzip, deflate, zstd");
}

/// Body on a connection of its own, sent in parts.
struct Upload {
    stream: TcpStream,
    body: Arc<str>,
    sent: usize,
}

impl Upload {
    async fn of(server: &TestServer, body: impl Into<Arc<str>>) -> Self {
        let body = body.into();
        let address = server.url.strip_prefix("http://").expect("http");
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("it reads");
        Self { stream, body, sent: 0 }
    }

    /// Sends the body up to its first `bytes`, as far as the server reads them.
    async fn send(&mut self, bytes: usize) {
        let until = bytes.min(self.body.len());
        // A refused body is not read to its end.
        let _refused = self.stream.write_all(&self.body.as_bytes()[self.sent..until]).await;
        self.sent = until;
    }

    /// Sends the rest; returns the status.
    async fn status(mut self) -> u16 {
        self.send(usize::MAX).await;
        self.answered().await
    }

    async fn answered(&mut self) -> u16 {
        let mut line = [0; 12];
        within(self.stream.read_exact(&mut line)).await.expect("an answer");
        let status = line.rsplit(|byte| *byte == b' ').next().expect("a status");
        str::from_utf8(status).expect("digits").parse().expect("digits")
    }
}

#[tokio::test]
async fn the_memory_of_all_bodies_is_bounded() {
    let config = Config {
        body_limit: 4_000_000,
        body_memory: 8_000_000,
        body_memory_timeout: Duration::from_secs(1),
        body_stall_timeout: Duration::from_hours(1),
        body_timeout: Duration::from_hours(1),
        ..Config::default()
    };
    let engine = ScriptedEngine::new(Script::Emit(answer()));
    let server = TestServer::with_config(&engine, config).await;
    // One body holds the memory for large ones by withholding its last bytes.
    let mut kept = Upload::of(&server, request_of(3_900_000)).await;
    kept.send(3_850_000).await;
    let large = || server.post(request_of(3_000_000));
    let refused = loop {
        // Until all sent bytes have been received.
        let response = large().await;
        if response.status() != 200 {
            break response;
        }
    };
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "5");
    let reply: Value = within(refused.json()).await.expect("JSON");
    assert_eq!(reply["error"]["code"], "bodies_full");
    // Smaller bodies are not affected.
    for letters in [2, 100_000, 900_000] {
        assert_eq!(server.post(request_of(letters)).await.status(), 200, "{letters}");
    }
    drop(kept);
    let again = async { while large().await.status() != 200 {} };
    within(again).await;
}

#[tokio::test]
async fn an_announced_length_reserves_no_memory() {
    let engine = ScriptedEngine::new(Script::Emit(answer()));
    let config = Config {
        body_stall_timeout: Duration::from_hours(1),
        body_timeout: Duration::from_hours(1),
        ..Config::default()
    };
    let server = TestServer::with_config(&engine, config).await;
    let (mut kept, body) = (Vec::new(), Arc::<str>::from(request_of(16_000_000)));
    for _ in 0..50 {
        let mut upload = Upload::of(&server, Arc::clone(&body)).await;
        upload.send(1).await;
        kept.push(upload);
    }
    assert_eq!(server.post(request_of(2_000_000)).await.status(), 200);
    // The reserved memory is in proportion to the received bytes.
    for upload in &mut kept {
        upload.send(200_000).await;
    }
    for letters in [2_000_000, 16_000_000] {
        assert_eq!(server.post(request_of(letters)).await.status(), 200, "{letters}");
    }
    let mut last = kept.pop().expect("one");
    last.send(usize::MAX).await;
    assert_eq!(last.answered().await, 200);
}

#[tokio::test]
async fn a_stalled_upload_releases_its_memory() {
    let config = Config {
        body_timeout: Duration::from_hours(1),
        body_stall_timeout: Duration::from_millis(100),
        ..Config::default()
    };
    let server = TestServer::with_config(&ScriptedEngine::new(Script::Queue), config).await;
    let mut stalled = Upload::of(&server, request_of(4_000_000)).await;
    stalled.send(2_000_000).await;
    assert_eq!(stalled.answered().await, 408);
}

#[tokio::test]
async fn several_of_the_largest_bodies_at_once_are_all_answered() {
    let engine = ScriptedEngine::new(Script::Emit(answer()));
    let server = TestServer::new(&engine).await;
    let asked = (0..8).map(|_| server.post(request_of(16_500_000)));
    for response in futures::future::join_all(asked).await {
        assert_eq!(response.status(), 200);
    }
}

#[tokio::test]
async fn bodies_that_wait_for_each_others_memory_are_all_answered() {
    let config = Config {
        body_limit: 4_000_000,
        body_memory: 16_000_000,
        body_memory_timeout: Duration::from_hours(1),
        body_stall_timeout: Duration::from_hours(1),
        body_timeout: Duration::from_hours(1),
        ..Config::default()
    };
    let engine = ScriptedEngine::new(Script::Emit(answer()));
    let server = TestServer::with_config(&engine, config).await;
    // In step, so that each holds a part and needs more to continue.
    let mut uploads = Vec::new();
    for _ in 0..12 {
        let mut upload = Upload::of(&server, request_of(3_900_000)).await;
        upload.send(400_000).await;
        uploads.push(upload);
    }
    let answered = futures::future::join_all(uploads.into_iter().map(Upload::status)).await;
    assert_eq!(answered, [200; 12]);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_read_and_bounded() {
    let engine = ScriptedEngine::new(Script::Emit(vec![finished(FinishReason::Stop)]));
    let server = TestServer::new(&engine).await;
    let chunked = |body: String| {
        let chunks: Vec<Result<Vec<u8>, std::io::Error>> =
            body.into_bytes().chunks(10_000).map(|chunk| Ok(chunk.to_vec())).collect();
        reqwest::Body::wrap_stream(futures::stream::iter(chunks))
    };
    for letters in [2, 100_000, 3_000_000] {
        assert_eq!(server.post(chunked(request_of(letters))).await.status(), 200, "{letters}");
    }
    assert_eq!(server.post(chunked(request_of(20_000_000))).await.status(), 413);
}

#[tokio::test]
async fn the_first_event_of_a_stream_is_the_first_tokens() {
    use futures::StreamExt;

    let engine = ScriptedEngine::new(Script::EmitAndWait(Vec::new()));
    let config = Config { ping: Duration::from_millis(1), ..Config::default() };
    let server = TestServer::with_config(&engine, config).await;
    let messages = json!([{"role": "user", "content": "hi"}]);
    for (path, field, question) in [
        ("/v1/chat/completions", "messages", &messages),
        ("/v1/completions", "prompt", &json!("hi")),
        ("/v1/responses", "input", &json!("hi")),
        ("/v1/messages", "messages", &messages),
    ] {
        let mut asked = json!({"model": "coder", "stream": true});
        asked[field] = question.clone();
        if path == "/v1/messages" {
            asked["max_tokens"] = json!(5);
        }
        // The status line is sent as soon as the request is admitted.
        let response = server.post_to(path, asked.to_string()).await;
        assert_eq!(response.status(), 200, "{path}");
        let mut chunks = response.bytes_stream();
        let early = within(chunks.next()).await.expect("a ping").expect("whole");
        assert!(early.starts_with(b": ping"), "{path}: {early:?}");
        engine.emit(&Event::Text { text: "token".to_owned(), logprobs: Vec::new() });
        let first = loop {
            let chunk = within(chunks.next()).await.expect("a chunk").expect("whole");
            if !chunk.starts_with(b": ping") {
                break String::from_utf8(chunk.to_vec()).expect("text");
            }
        };
        assert!(first.contains("token"), "{path}: {first}");
        engine.end_all();
    }
}

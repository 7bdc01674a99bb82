//! Bodies that are large, compressed, or many: read within limits, and nobody else waits.

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

use crate::scripted::{Script, Scripted, answer, finished, within};
use crate::served::{Served, body};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory")
}

async fn coded(served: &Served, coding: &str, body: Vec<u8>) -> (u16, Value) {
    let url = format!("{}/v1/chat/completions", served.url);
    let sent = served.http.post(url).header("content-encoding", coding).body(body).send();
    let response = within(sent).await.expect("an answer");
    (response.status().as_u16(), within(response.json()).await.expect("JSON"))
}

/// A request whose message has so many letters.
fn saying(letters: usize) -> String {
    body(&json!({"messages": [{"role": "user", "content": "a".repeat(letters)}]}))
}

#[tokio::test]
async fn a_compressed_body_is_read_as_if_it_were_plain() {
    type Compress = fn(&[u8]) -> Vec<u8>;
    let codings: [(&str, Compress); 3] =
        [("gzip", gzip), ("zstd", zstd), ("identity", <[u8]>::to_vec)];
    for letters in [2, 100_000, 3_000_000] {
        for (coding, compress) in codings {
            let engine = Scripted::new(Script::Say(answer()));
            let served = Served::new(&engine).await;
            let (status, said) = coded(&served, coding, compress(saying(letters).as_bytes())).await;
            assert_eq!(status, 200, "{coding}: {said}");
            let Prompt::Chat { messages, .. } = engine.submitted().await.prompt else {
                panic!("it is a chat")
            };
            assert_eq!(messages[0].text().len(), letters, "{coding}");
        }
    }
}

#[tokio::test]
async fn a_body_that_grows_past_the_limit_or_is_no_such_thing_is_refused() {
    let served = Served::new(&Scripted::new(Script::Queue)).await;
    let bomb = saying(20_000_000);
    for (coding, packed, status, code) in [
        ("gzip", gzip(bomb.as_bytes()), 413, "body_too_large"),
        ("zstd", zstd(bomb.as_bytes()), 413, "body_too_large"),
        ("gzip", saying(2).into_bytes(), 400, "body_incomplete"),
        ("deflate", gzip(saying(2).as_bytes()), 400, "body_incomplete"),
        ("gzip", gzip(b"{}")[..12].to_vec(), 400, "body_incomplete"),
        ("gzip, gzip", gzip(&gzip(saying(2).as_bytes())), 415, "unsupported_encoding"),
        ("br", b"x".to_vec(), 415, "unsupported_encoding"),
        // Compressed twice under one name: what comes out is no JSON.
        ("gzip", gzip(&gzip(saying(2).as_bytes())), 400, "invalid_json"),
    ] {
        let (answered, said) = coded(&served, coding, packed).await;
        assert_eq!((answered, said["error"]["code"].as_str()), (status, Some(code)), "{coding}");
    }
    assert_eq!(served.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_client_is_told_what_may_be_compressed_how() {
    let served = Served::new(&Scripted::new(Script::Queue)).await;
    let url = format!("{}/v1/messages", served.url);
    let sent = served.http.post(url).header("content-encoding", "br").body("x").send();
    let response = within(sent).await.expect("an answer");
    assert_eq!(response.headers()["accept-encoding"], "gzip, deflate, zstd");
}

/// A body on a connection of its own, of which nothing has been sent yet.
struct Upload {
    stream: TcpStream,
    body: Arc<str>,
    sent: usize,
}

impl Upload {
    async fn of(served: &Served, body: impl Into<Arc<str>>) -> Self {
        let body = body.into();
        let address = served.url.strip_prefix("http://").expect("http");
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("it reads");
        Self { stream, body, sent: 0 }
    }

    /// Sends up to so many bytes of it in all, as far as the server reads them.
    async fn send(&mut self, bytes: usize) {
        let until = bytes.min(self.body.len());
        // One that is refused is not read to its end.
        let _refused = self.stream.write_all(&self.body.as_bytes()[self.sent..until]).await;
        self.sent = until;
    }

    /// The status, once all is sent.
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
async fn bodies_together_have_so_much_memory_and_no_more() {
    let config = Config {
        body_limit: 4_000_000,
        body_memory: 8_000_000,
        body_memory_timeout: Duration::from_secs(1),
        body_stall_timeout: Duration::from_hours(1),
        body_timeout: Duration::from_hours(1),
        ..Config::default()
    };
    let engine = Scripted::new(Script::Say(answer()));
    let served = Served::with(&engine, config).await;
    // One takes what there is for large ones, and keeps its last bytes.
    let mut kept = Upload::of(&served, saying(3_900_000)).await;
    kept.send(3_850_000).await;
    let large = || served.post(saying(3_000_000));
    let refused = loop {
        // Until all of it has been read.
        let response = large().await;
        if response.status() != 200 {
            break response;
        }
    };
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "5");
    let said: Value = within(refused.json()).await.expect("JSON");
    assert_eq!(said["error"]["code"], "bodies_full");
    // They do not keep the others from theirs.
    for letters in [2, 100_000, 900_000] {
        assert_eq!(served.post(saying(letters)).await.status(), 200, "{letters}");
    }
    drop(kept);
    let again = async { while large().await.status() != 200 {} };
    within(again).await;
}

#[tokio::test]
async fn who_announces_much_and_sends_little_holds_nothing() {
    let engine = Scripted::new(Script::Say(answer()));
    let config = Config {
        body_stall_timeout: Duration::from_hours(1),
        body_timeout: Duration::from_hours(1),
        ..Config::default()
    };
    let served = Served::with(&engine, config).await;
    let (mut kept, body) = (Vec::new(), Arc::<str>::from(saying(16_000_000)));
    for _ in 0..50 {
        let mut upload = Upload::of(&served, Arc::clone(&body)).await;
        upload.send(1).await;
        kept.push(upload);
    }
    assert_eq!(served.post(saying(2_000_000)).await.status(), 200);
    // What is held is in proportion to what came.
    for upload in &mut kept {
        upload.send(200_000).await;
    }
    for letters in [2_000_000, 16_000_000] {
        assert_eq!(served.post(saying(letters)).await.status(), 200, "{letters}");
    }
    let mut last = kept.pop().expect("one");
    last.send(usize::MAX).await;
    assert_eq!(last.answered().await, 200);
}

#[tokio::test]
async fn who_holds_memory_and_stops_sending_gives_it_back() {
    let config = Config {
        body_timeout: Duration::from_hours(1),
        body_stall_timeout: Duration::from_millis(100),
        ..Config::default()
    };
    let served = Served::with(&Scripted::new(Script::Queue), config).await;
    let mut stalled = Upload::of(&served, saying(4_000_000)).await;
    stalled.send(2_000_000).await;
    assert_eq!(stalled.answered().await, 408);
}

#[tokio::test]
async fn several_of_the_largest_bodies_at_once_are_all_answered() {
    let engine = Scripted::new(Script::Say(answer()));
    let served = Served::new(&engine).await;
    let asked = (0..8).map(|_| served.post(saying(16_500_000)));
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
    let engine = Scripted::new(Script::Say(answer()));
    let served = Served::with(&engine, config).await;
    // In step, so that each holds a part and none can go on without more.
    let mut uploads = Vec::new();
    for _ in 0..12 {
        let mut upload = Upload::of(&served, saying(3_900_000)).await;
        upload.send(400_000).await;
        uploads.push(upload);
    }
    let answered = futures::future::join_all(uploads.into_iter().map(Upload::status)).await;
    assert_eq!(answered, [200; 12]);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_read_and_bounded() {
    let engine = Scripted::new(Script::Say(vec![finished(FinishReason::Stop)]));
    let served = Served::new(&engine).await;
    let chunked = |body: String| {
        let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
            body.into_bytes().chunks(10_000).map(|piece| Ok(piece.to_vec())).collect();
        reqwest::Body::wrap_stream(futures::stream::iter(pieces))
    };
    for letters in [2, 100_000, 3_000_000] {
        assert_eq!(served.post(chunked(saying(letters))).await.status(), 200, "{letters}");
    }
    assert_eq!(served.post(chunked(saying(20_000_000))).await.status(), 413);
}

#[tokio::test]
async fn the_first_event_of_a_stream_is_the_first_tokens() {
    use futures::StreamExt;

    let engine = Scripted::new(Script::Follow(Vec::new()));
    let config = Config { ping: Duration::from_millis(1), ..Config::default() };
    let served = Served::with(&engine, config).await;
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
        // The status line is there as soon as the slot is.
        let response = served.post_to(path, asked.to_string()).await;
        assert_eq!(response.status(), 200, "{path}");
        let mut pieces = response.bytes_stream();
        let early = within(pieces.next()).await.expect("a sign of life").expect("whole");
        assert!(early.starts_with(b": ping"), "{path}: {early:?}");
        engine.follow(&Event::Text { text: "token".to_owned(), logprobs: Vec::new() });
        let first = loop {
            let piece = within(pieces.next()).await.expect("a piece").expect("whole");
            if !piece.starts_with(b": ping") {
                break String::from_utf8(piece.to_vec()).expect("text");
            }
        };
        assert!(first.contains("token"), "{path}: {first}");
        engine.forget();
    }
}

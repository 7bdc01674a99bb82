//! Bodies that are large, compressed, or many: read within limits, and nobody else waits.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use harmonic_gateway::Config;
use harmonic_types::{Event, FinishReason, Prompt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
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
            assert_eq!(messages[0].content.len(), letters, "{coding}");
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

#[tokio::test]
async fn bodies_together_have_so_much_memory_and_no_more() {
    let config = Config {
        body_limit: 4_000_000,
        body_memory: 8_000_000,
        body_wait: Duration::from_millis(50),
        ..Config::default()
    };
    let engine = Scripted::new(Script::Say(answer()));
    let served = Served::with(&engine, config).await;
    let address = served.url.strip_prefix("http://").expect("http");
    // Two take all, and never send what they announced.
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let head =
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 3900000\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.expect("it reads");
        kept.push(stream);
    }
    let large = || served.post(saying(3_000_000));
    let refused = loop {
        // Until both have been noticed.
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

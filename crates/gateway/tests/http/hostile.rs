//! Hostile bodies and heads: each gets a 4xx, and the server keeps running.

use std::time::Duration;

use harmonic_gateway::Config;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scripted_engine::{Script, ScriptedEngine, within};
use crate::test_server::{TestServer, body};

#[tokio::test]
async fn hostile_bodies_are_client_errors() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"\0\0\0\0".to_vec(),
        b"{\"model\": \"co\0der\"}".to_vec(),
        b"{\"model\": \"\xff\xfe\"}".to_vec(),
        body(&json!({"messages": [{"role": "user", "content": "a\u{0}b"}]})).into_bytes(),
        b"{\"model\": \"coder\", \"messages\": [{\"role\": \"user\", \"content\": \"\\ud800\"}]}"
            .to_vec(),
        nested(1_000_000).into_bytes(),
        format!("{{\"messages\": {}}}", nested(100_000)).into_bytes(),
        format!("{{\"tools\": {}}}", nested(100_000)).into_bytes(),
        body(&json!({"max_tokens": u64::MAX})).into_bytes(),
        body(&json!({"seed": 1e300})).into_bytes(),
        body(&json!({"temperature": 1e300})).into_bytes(),
        b"{\"temperature\": 1e99999}".to_vec(),
        format!("{{\"top_k\": {}}}", "9".repeat(100_000)).into_bytes(),
        b"{\"model\": \"coder\", \"model\": \"coder\"}".to_vec(),
        body(&json!({"model": "x".repeat(100_000)})).into_bytes(),
        body(&json!({"model": "a\r\nx-evil: 1"})).into_bytes(),
    ];
    for body in bodies {
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let response = server.post(body).await;
        let status = response.status();
        let envelope: serde_json::Value =
            within(response.json()).await.unwrap_or_else(|error| panic!("{start}: {error}"));
        assert!(status.is_client_error(), "{start}: {status}");
        assert!(envelope["error"]["message"].is_string(), "{start}: {envelope}");
        assert_eq!(envelope["error"]["type"], "invalid_request_error", "{start}");
    }
    assert_eq!(server.get("/health").await.status(), 200);
}

#[tokio::test]
async fn hostile_bodies_are_client_errors_in_every_dialect() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let mut bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"\0".to_vec(),
        b"{\"model\": \"\xff\xfe\"}".to_vec(),
        nested(1_000_000).into_bytes(),
        b"{\"model\": \"coder\", \"model\": \"coder\"}".to_vec(),
        b"{\"model\": 1e99999}".to_vec(),
        br#"{"model": {"model": "coder"}}"#.to_vec(),
    ];
    for field in ["messages", "prompt", "input", "tools", "options", "system", "model"] {
        bodies.push(format!("{{\"{field}\": {}}}", nested(100_000)).into_bytes());
    }
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/api/chat",
        "/api/generate",
        "/api/show",
        "/api/pull",
        "/api/embed",
    ] {
        for body in &bodies {
            let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            let response = server.post_to(path, body.clone()).await;
            let status = response.status();
            let envelope: serde_json::Value =
                within(response.json()).await.unwrap_or_else(|error| panic!("{start}: {error}"));
            assert!(status.is_client_error(), "{path} {start}: {status}");
            assert!(!envelope["error"].is_null(), "{path} {start}: {envelope}");
        }
    }
    assert_eq!(server.get("/health").await.status(), 200);
}

/// Response to these bytes, until the server closes the connection.
async fn response_to(server: &TestServer, bytes: &[u8]) -> String {
    let address = server.url.strip_prefix("http://").expect("http");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(bytes).await.expect("it reads");
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.expect("it answers");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn a_huge_body_is_refused_before_it_is_sent() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let head =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n{";
    let answer = response_to(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("body_too_large"), "{answer}");
}

#[tokio::test]
async fn slow_requests_time_out() {
    let config = Config {
        body_timeout: Duration::from_millis(50),
        head_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let server = TestServer::with_config(&ScriptedEngine::new(Script::Queue), config).await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{";
    let answer = response_to(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("body_too_slow"), "{answer}");
    // An incomplete head gets no response, but its connection is closed.
    response_to(&server, b"POST /v1/chat").await;
    assert_eq!(server.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let url = format!("{}/health", server.url);
    let request = server.http.get(&url).header("x-long", "x".repeat(200_000));
    assert_eq!(within(request.send()).await.expect("an answer").status(), 431);
    let many =
        (0..500).fold(server.http.get(&url), |request, n| request.header(format!("x-{n}"), "1"));
    assert_eq!(within(many.send()).await.expect("an answer").status(), 431);
    assert_eq!(server.get("/health").await.status(), 200);
}

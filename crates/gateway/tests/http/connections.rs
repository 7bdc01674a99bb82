//! Limits of connections.

use harmonic_gateway::Config;
use harmonic_types::FinishReason;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scripted_engine::{Script, ScriptedEngine, finished, text, within};
use crate::test_server::{TestServer, body};

const PEER_LIMIT: usize = 3;

async fn limited_server(engine: &std::sync::Arc<ScriptedEngine>) -> TestServer {
    let config = Config { connections: 8, connections_per_peer: PEER_LIMIT, ..Config::default() };
    TestServer::with_config(engine, config).await
}

async fn connected(server: &TestServer) -> TcpStream {
    let address = server.url.strip_prefix("http://").expect("http");
    TcpStream::connect(address).await.expect("it listens")
}

#[tokio::test]
async fn idle_connections_do_not_block_others() {
    let server = limited_server(&ScriptedEngine::new(Script::Queue)).await;
    let mut idle = Vec::new();
    for number in 0..4 * PEER_LIMIT {
        let mut stream = connected(&server).await;
        // Half of them send a part of a head, the others nothing.
        if number % 2 == 0 {
            stream.write_all(b"POST /v1/chat").await.expect("it is open");
        }
        idle.push(stream);
    }
    // Each client has its own connection.
    for _ in 0..PEER_LIMIT {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let asked = client.get(format!("{}/health", server.url)).send();
        assert_eq!(within(asked).await.expect("an answer").status(), 200);
    }
    let mut first = idle.swap_remove(0);
    let mut rest = Vec::new();
    // Closed, or reset because it had something to read.
    let _closed = within(first.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_request_that_is_served_is_never_closed_for_another() {
    let engine = ScriptedEngine::new(Script::EmitAndWait(vec![text("one")]));
    let server = limited_server(&engine).await;
    let mut streams = Vec::new();
    for _ in 0..PEER_LIMIT {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let asked = client
            .post(format!("{}/v1/chat/completions", server.url))
            .body(body(&json!({"stream": true})))
            .send();
        let mut response = within(asked).await.expect("an answer");
        within(response.chunk()).await.expect("whole").expect("a piece");
        streams.push(response);
    }
    let mut refused = connected(&server).await;
    let mut response = String::new();
    within(refused.read_to_string(&mut response)).await.expect("a response");
    assert!(
        response.starts_with("HTTP/1.1 503 ") && response.contains("retry-after"),
        "{response}"
    );
    assert_eq!(*engine.cancelled.borrow(), 0);
    engine.emit(&finished(FinishReason::Stop));
    for response in streams {
        assert!(within(response.text()).await.expect("whole").ends_with("[DONE]\n\n"));
    }
    // There is room again.
    assert_eq!(server.get("/health").await.status(), 200);
}

/// Head of the response to a request with this head and body, in lower case.
async fn response_head(server: &TestServer, head: &str, body: &str) -> String {
    let mut stream = connected(server).await;
    let request =
        format!("{head}\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len().max(2));
    stream.write_all(request.as_bytes()).await.expect("it is open");
    stream.write_all(body.as_bytes()).await.expect("it is open");
    let mut answer = Vec::new();
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut chunk = [0; 1024];
        let count = within(stream.read(&mut chunk)).await.expect("an answer");
        assert!(count > 0, "closed before the answer");
        answer.extend(&chunk[..count]);
    }
    String::from_utf8_lossy(&answer).to_lowercase()
}

#[tokio::test]
async fn a_response_before_the_body_was_read_has_connection_close() {
    let server = limited_server(&ScriptedEngine::new(Script::Queue)).await;
    // Refused before the body was read.
    let refused = response_head(&server, "DELETE /api/delete HTTP/1.1", "").await;
    assert!(refused.starts_with("http/1.1 403"), "{refused}");
    assert!(refused.contains("\r\nconnection: close\r\n"), "{refused}");
    let read = response_head(&server, "POST /api/show HTTP/1.1", "{}").await;
    assert!(read.starts_with("http/1.1 400"), "{read}");
    assert!(!read.contains("connection: close"), "{read}");
}

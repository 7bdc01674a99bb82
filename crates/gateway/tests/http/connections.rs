//! More connections than there are places.

use harmonic_gateway::Config;
use harmonic_types::FinishReason;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scripted::{Script, Scripted, finished, text, within};
use crate::served::{Served, body};

const PLACES: usize = 3;

async fn served(engine: &std::sync::Arc<Scripted>) -> Served {
    let config = Config { connections: 8, connections_per_peer: PLACES, ..Config::default() };
    Served::with(engine, config).await
}

async fn connected(served: &Served) -> TcpStream {
    let address = served.url.strip_prefix("http://").expect("http");
    TcpStream::connect(address).await.expect("it listens")
}

#[tokio::test]
async fn who_holds_connections_without_asking_holds_up_nobody() {
    let served = served(&Scripted::new(Script::Queue)).await;
    let mut idle = Vec::new();
    for number in 0..4 * PLACES {
        let mut stream = connected(&served).await;
        // Half of them trickle a head, the others say nothing.
        if number % 2 == 0 {
            stream.write_all(b"POST /v1/chat").await.expect("it is open");
        }
        idle.push(stream);
    }
    // Each of them a connection of its own.
    for _ in 0..PLACES {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let asked = client.get(format!("{}/health", served.url)).send();
        assert_eq!(within(asked).await.expect("an answer").status(), 200);
    }
    let mut first = idle.swap_remove(0);
    let mut rest = Vec::new();
    // Closed, or reset because it had something to read.
    let _closed = within(first.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_request_that_is_served_is_never_given_up_for_another() {
    let engine = Scripted::new(Script::Follow(vec![text("one")]));
    let served = served(&engine).await;
    let mut streams = Vec::new();
    for _ in 0..PLACES {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let asked = client
            .post(format!("{}/v1/chat/completions", served.url))
            .body(body(&json!({"stream": true})))
            .send();
        let mut response = within(asked).await.expect("an answer");
        within(response.chunk()).await.expect("whole").expect("a piece");
        streams.push(response);
    }
    let mut refused = connected(&served).await;
    let mut told = String::new();
    within(refused.read_to_string(&mut told)).await.expect("it is told");
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("retry-after"), "{told}");
    assert_eq!(*engine.cancelled.borrow(), 0);
    engine.follow(&finished(FinishReason::Stop));
    for response in streams {
        assert!(within(response.text()).await.expect("whole").ends_with("[DONE]\n\n"));
    }
    // Their places are free again.
    assert_eq!(served.get("/health").await.status(), 200);
}

/// What a server says to a head and whatever of its body, up to where the head of the answer ends.
async fn told(served: &Served, head: &str, body: &str) -> String {
    let mut stream = connected(served).await;
    let request =
        format!("{head}\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len().max(2));
    stream.write_all(request.as_bytes()).await.expect("it is open");
    stream.write_all(body.as_bytes()).await.expect("it is open");
    let mut answer = Vec::new();
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let count = within(stream.read(&mut piece)).await.expect("an answer");
        assert!(count > 0, "closed before the answer");
        answer.extend(&piece[..count]);
    }
    String::from_utf8_lossy(&answer).to_lowercase()
}

#[tokio::test]
async fn who_is_answered_before_its_body_was_read_is_told_that_the_connection_closes() {
    let served = served(&Scripted::new(Script::Queue)).await;
    // What is refused unread, and its body still under way.
    let refused = told(&served, "DELETE /api/delete HTTP/1.1", "").await;
    assert!(refused.starts_with("http/1.1 403"), "{refused}");
    assert!(refused.contains("\r\nconnection: close\r\n"), "{refused}");
    let read = told(&served, "POST /api/show HTTP/1.1", "{}").await;
    assert!(read.starts_with("http/1.1 400"), "{read}");
    assert!(!read.contains("connection: close"), "{read}");
}

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

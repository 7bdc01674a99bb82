//! Probes of a server that has just been started, and the counting of tokens.

use std::time::Duration;

use harmonic_engine::Engine;
use harmonic_engine_http::{Endpoint, overlap, preload};
use harmonic_types::{RemoteDialect, Tokens};
use tokio::net::TcpListener;

use crate::scripted_server::{DONE, ScriptedServer, USAGE, delta, sse};
use crate::setup::{ask, config, start};

const LONG: Duration = Duration::from_mins(10);

fn endpoint(url: &str, dialect: RemoteDialect) -> Endpoint {
    Endpoint { url: url.to_owned(), dialect, key: None, sends_system: true }
}

#[tokio::test]
async fn a_server_is_ready_when_each_model_has_answered() {
    let mut server = ScriptedServer::start().await;
    let endpoint = endpoint(&server.url, RemoteDialect::OpenAi);
    let models = ["a".to_owned(), "b".to_owned()];
    let answering = async {
        let loading = r#"{"error":{"message":"Loading model","type":"unavailable_error"}}"#;
        server.next().await.respond("503 Service Unavailable", "", loading).await;
        drop(server.next().await);
        for model in ["a", "b"] {
            let received = server.next().await;
            assert_eq!((received.model(), &received.body["max_tokens"]), (model, &1.into()));
            received.answer("One").await;
        }
    };
    let (ready, ()) = tokio::join!(preload(&endpoint, &models, LONG), answering);
    ready.expect("ready");
}

#[tokio::test]
async fn a_server_that_refuses_or_is_silent_is_not_ready() {
    let mut server = ScriptedServer::start().await;
    let ollama = endpoint(&server.url, RemoteDialect::Ollama);
    let models = ["a".to_owned()];
    let answering = async {
        let absent = r#"{"error":"model \"a\" not found"}"#;
        server.next().await.respond("404 Not Found", "", absent).await;
    };
    let (ready, ()) = tokio::join!(preload(&ollama, &models, LONG), answering);
    let reason = ready.expect_err("refused").to_string();
    assert!(reason.contains("not found") && reason.contains("cannot load the model a"), "{reason}");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let nobody = endpoint(&url, RemoteDialect::Ollama);
    let ready = preload(&nobody, &models, Duration::from_millis(50)).await;
    let reason = ready.expect_err("nobody is there").to_string();
    assert!(reason.contains("no answer within") && reason.contains("cannot reach"), "{reason}");
}

#[tokio::test]
async fn as_many_streams_overlap_as_the_server_has_slots() {
    for slots in [1, 3] {
        let mut server = ScriptedServer::start().await;
        let endpoint = endpoint(&server.url, RemoteDialect::OpenAi);
        let serving = async {
            let mut received = Vec::new();
            for _ in 0..=slots {
                received.push(server.next().await);
            }
            // The last one waits.
            for running in &mut received[..slots as usize] {
                running.open().await;
                running.chunk(&sse(&[&delta("One")])).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let length = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#;
            let mut first = received.remove(0);
            first.chunk(&sse(&[length, USAGE])).await;
            first.chunk(DONE).await;
            first.close().await;
            for waiting in received {
                waiting.closed().await;
            }
        };
        let (found, ()) = tokio::join!(overlap(&endpoint, "a", slots, LONG), serving);
        assert_eq!(found.expect("counted"), slots);
    }
}

#[tokio::test]
async fn tokens_are_counted_by_the_server_or_estimated() {
    let mut server = ScriptedServer::start().await;
    let mut config = config(&server.url, RemoteDialect::OpenAi, 1);
    let estimated = start(config.clone()).count_tokens(ask(1, "coder")).await.expect("estimated");
    assert!(estimated > Tokens(0));
    config.capabilities.exact_counts = true;
    let engine = start(config);
    let serving = async {
        let received = server.next().await;
        assert_eq!(received.path, "/apply-template");
        assert_eq!(received.body["messages"][0]["content"], "Answer.");
        received.respond("200 OK", "", r#"{"prompt":"<s>hi"}"#).await;
        let received = server.next().await;
        assert_eq!(
            (received.path.as_str(), &received.body["content"]),
            ("/tokenize", &"<s>hi".into())
        );
        received.respond("200 OK", "", r#"{"tokens":[1,2,3]}"#).await;
    };
    let (counted, ()) = tokio::join!(engine.count_tokens(ask(1, "coder")), serving);
    assert_eq!(counted.expect("counted"), Tokens(3));
}

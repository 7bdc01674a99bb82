//! Shutdown with running requests.

use std::time::Duration;

use harmonic_gateway::Config;
use harmonic_types::FinishReason;
use serde_json::json;

use crate::scripted_engine::{Script, ScriptedEngine, finished, text, within};
use crate::test_server::{TestServer, body};

#[tokio::test]
async fn a_running_stream_finishes_and_no_connection_is_accepted() {
    let engine = ScriptedEngine::new(Script::EmitAndWait(vec![text("one")]));
    let mut server = TestServer::new(&engine).await;
    // Idle connections do not delay the shutdown.
    assert_eq!(server.get("/health").await.status(), 200);
    let response = server.post(body(&json!({"stream": true}))).await;
    server.stop();
    let address = server.url.strip_prefix("http://").expect("http").to_owned();
    within(async {
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    engine.emit(&text(" two"));
    engine.emit(&finished(FinishReason::Stop));
    let whole = within(response.text()).await.expect("a whole stream");
    assert!(whole.contains(" two"), "{whole}");
    assert!(whole.ends_with("data: [DONE]\n\n"), "{whole}");
    server.ended().await;
}

#[tokio::test]
async fn an_answer_beyond_the_grace_period_is_cut_off_and_cancelled() {
    let engine = ScriptedEngine::new(Script::EmitAndWait(vec![text("one")]));
    let config = Config { grace: Duration::from_millis(20), ..Config::default() };
    let mut server = TestServer::with_config(&engine, config).await;
    let response = server.post(body(&json!({"stream": true}))).await;
    server.stop();
    engine.cancelled(1).await;
    assert!(within(response.text()).await.is_err(), "a cut stream must not look whole");
    server.ended().await;
}

//! What happens to those who are there when the server is told to stop.

use std::time::Duration;

use harmonic_gateway::Config;
use harmonic_types::FinishReason;
use serde_json::json;

use crate::scripted::{Script, Scripted, finished, text, within};
use crate::served::{Served, body};

#[tokio::test]
async fn a_running_stream_finishes_and_nobody_new_gets_in() {
    let engine = Scripted::new(Script::Follow(vec![text("one")]));
    let mut served = Served::new(&engine).await;
    // Idle connections do not hold the server up.
    assert_eq!(served.get("/health").await.status(), 200);
    let response = served.post(body(&json!({"stream": true}))).await;
    served.stop();
    let address = served.url.strip_prefix("http://").expect("http").to_owned();
    within(async {
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    engine.follow(&text(" two"));
    engine.follow(&finished(FinishReason::Stop));
    let whole = within(response.text()).await.expect("a whole stream");
    assert!(whole.contains(" two"), "{whole}");
    assert!(whole.ends_with("data: [DONE]\n\n"), "{whole}");
    served.ended().await;
}

#[tokio::test]
async fn an_answer_that_outlasts_the_grace_period_is_cut_and_cancelled() {
    let engine = Scripted::new(Script::Follow(vec![text("one")]));
    let config = Config { grace: Duration::from_millis(20), ..Config::default() };
    let mut served = Served::with(&engine, config).await;
    let response = served.post(body(&json!({"stream": true}))).await;
    served.stop();
    engine.cancelled(1).await;
    assert!(within(response.text()).await.is_err(), "a cut stream must not look whole");
    served.ended().await;
}

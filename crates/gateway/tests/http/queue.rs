//! Waiting for a slot: for how long, and what a client is told of it.

use std::time::Duration;

use harmonic_gateway::Config;
use serde_json::json;

use crate::scripted::{Script, Scripted, answer};
use crate::served::{Served, body, settings, shown};

const PATHS: [&str; 3] = ["/v1/chat/completions", "/api/chat", "/v1/messages"];

#[tokio::test]
async fn who_waits_too_long_leaves_the_queue_and_is_told_in_its_dialect() {
    let engine = Scripted::new(Script::Queue);
    let config = Config { queue_timeout: Duration::from_millis(1), ..Config::default() };
    let served = Served::with(&engine, config).await;
    let mut said = Vec::new();
    for (count, path) in (1..).zip(PATHS) {
        let asked = body(&json!({"max_tokens": 9, "stream": true}));
        said.push(shown(served.post_to(path, asked).await).await);
        engine.cancelled(count).await;
    }
    settings().bind(|| insta::assert_snapshot!(said.join("\n\n"), @r#"
    503 Service Unavailable
    content-type: application/json
    retry-after: 5
    x-request-id: req-ID

    {"error":{"message":"coder had no slot free within 0.001 s: ask again","type":"server_error","param":null,"code":"queue_timeout"}}

    503 Service Unavailable
    content-type: application/json
    retry-after: 5
    x-request-id: req-ID

    {"error":"coder had no slot free within 0.001 s: ask again"}

    503 Service Unavailable
    content-type: application/json
    retry-after: 5
    x-request-id: req-ID

    {"type":"error","error":{"type":"overloaded_error","message":"coder had no slot free within 0.001 s: ask again"}}
    "#));
}

#[tokio::test]
async fn every_answer_says_who_gave_it_where_and_after_what_wait() {
    let served = Served::new(&Scripted::new(Script::Say(answer()))).await;
    let paths = ["/v1/completions", "/v1/responses", "/api/generate"];
    for path in PATHS.into_iter().chain(paths) {
        for stream in [false, true] {
            let mut asked = json!({"model": "coder", "max_tokens": 9, "stream": stream});
            match path {
                "/v1/responses" => asked["input"] = json!("hi"),
                "/v1/completions" | "/api/generate" => asked["prompt"] = json!("hi"),
                _ => asked["messages"] = json!([{"role": "user", "content": "hi"}]),
            }
            let response = served.post_to(path, asked.to_string()).await;
            assert_eq!(response.status(), 200, "{path}");
            let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
            let told = ["x-harmonic-agent", "x-harmonic-slot", "x-harmonic-queue-ms"].map(header);
            assert_eq!(told, ["coder", "3", "12"], "{path}, stream: {stream}");
        }
    }
}

//! Queue timeout, and the headers of an answer.

use std::time::Duration;

use harmonic_gateway::Config;
use serde_json::json;

use crate::scripted_engine::{Script, ScriptedEngine, answer};
use crate::test_server::{TestServer, body, settings, shown};

const PATHS: [&str; 3] = ["/v1/chat/completions", "/api/chat", "/v1/messages"];

#[tokio::test]
async fn a_queue_timeout_is_an_error_of_the_dialect() {
    let engine = ScriptedEngine::new(Script::Queue);
    let config = Config { queue_timeout: Duration::from_millis(1), ..Config::default() };
    let server = TestServer::with_config(&engine, config).await;
    let mut responses = Vec::new();
    for (count, path) in (1..).zip(PATHS) {
        let asked = body(&json!({"max_tokens": 9, "stream": true}));
        responses.push(shown(server.post_to(path, asked).await).await);
        engine.cancelled(count).await;
    }
    settings().bind(|| insta::assert_snapshot!(responses.join("\n\n"), @r#"
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
async fn every_answer_has_the_headers_of_agent_slot_and_queue_time() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(answer()))).await;
    let paths = ["/v1/completions", "/v1/responses", "/api/generate"];
    for path in PATHS.into_iter().chain(paths) {
        for stream in [false, true] {
            let mut asked = json!({"model": "coder", "max_tokens": 9, "stream": stream});
            match path {
                "/v1/responses" => asked["input"] = json!("hi"),
                "/v1/completions" | "/api/generate" => asked["prompt"] = json!("hi"),
                _ => asked["messages"] = json!([{"role": "user", "content": "hi"}]),
            }
            let response = server.post_to(path, asked.to_string()).await;
            assert_eq!(response.status(), 200, "{path}");
            let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
            let told = ["x-harmonic-agent", "x-harmonic-slot", "x-harmonic-queue-ms"].map(header);
            assert_eq!(told, ["coder", "3", "12"], "{path}, stream: {stream}");
        }
    }
}

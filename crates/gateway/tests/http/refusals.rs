//! Every error: its status, its envelope, its headers.

use std::time::Duration;

use harmonic_gateway::Config;
use harmonic_types::{Event, FinishReason, Refused, Tokens};
use serde_json::json;

use crate::scripted::{Script, Scripted, finished, text};
use crate::served::{Served, body, settings, shown};

/// What comes back for `request` when the engine follows `script`.
async fn answered(script: Script, request: String) -> String {
    let served = Served::new(&Scripted::new(script)).await;
    shown(served.post(request).await).await
}

#[tokio::test]
async fn what_the_engine_refuses() {
    let agent = || "coder".into();
    let mut all = Vec::new();
    for refused in [
        Refused::PromptTooLong { agent: agent(), prompt: Tokens(3000), context: Tokens(2048) },
        Refused::Invalid { message: "the template takes no tool messages".to_owned() },
        Refused::QueueFull { agent: agent(), queued: 64, retry_after: Duration::from_millis(1200) },
        Refused::FormsFull { waiting: 16, own: true, retry_after: Duration::from_secs(2) },
        Refused::FormsFailed {
            message: "no thread".to_owned(),
            retry_after: Duration::from_secs(2),
        },
        Refused::Draining,
        Refused::Restarting { agent: agent(), retry_after: Duration::from_millis(250) },
        Refused::EngineDied { agent: agent(), message: "out of memory".to_owned() },
    ] {
        // Streamed or not, the status line waits for the engine's word.
        let whole = answered(Script::Refuse(refused.clone()), body(&json!({}))).await;
        let streamed = answered(Script::Refuse(refused), body(&json!({"stream": true}))).await;
        assert_eq!(whole.lines().next(), streamed.lines().next());
        all.push(whole);
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the prompt has 3000 tokens, but the context of coder has 2048, at least one of them for the answer: shorten the prompt or give the agent a larger context","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the template takes no tool messages","type":"invalid_request_error","param":null,"code":"invalid_value"}}

    429 Too Many Requests
    content-type: application/json
    retry-after: 2
    x-request-id: req-ID

    {"error":{"message":"the queue of coder is full (64 waiting): retry in 2 s","type":"rate_limit_error","param":null,"code":"queue_full"}}

    429 Too Many Requests
    content-type: application/json
    retry-after: 2
    x-request-id: req-ID

    {"error":{"message":"16 response formats of this client are waiting to be compiled, which is the limit: retry in 2 s","type":"rate_limit_error","param":null,"code":"forms_full"}}

    503 Service Unavailable
    content-type: application/json
    retry-after: 2
    x-request-id: req-ID

    {"error":{"message":"the response format could not be compiled: no thread","type":"server_error","param":null,"code":"forms_failed"}}

    503 Service Unavailable
    content-type: application/json
    retry-after: 5
    x-request-id: req-ID

    {"error":{"message":"the deployment is draining and accepts no new requests","type":"server_error","param":null,"code":"draining"}}

    503 Service Unavailable
    content-type: application/json
    retry-after: 1
    x-request-id: req-ID

    {"error":{"message":"the engine of coder is restarting: retry in 1 s","type":"server_error","param":null,"code":"engine_restarting"}}

    503 Service Unavailable
    content-type: application/json
    retry-after: 5
    x-request-id: req-ID

    {"error":{"message":"the engine of coder has died: out of memory","type":"server_error","param":null,"code":"engine_died"}}
    "#));
}

#[tokio::test]
async fn what_the_door_refuses() {
    let mut all = Vec::new();
    for request in [
        body(&json!({"model": "nobody"})),
        body(&json!({"temperature": "hot"})),
        body(&json!({"n": 17})),
        body(&json!({"tools": [{"type": "function"}]})),
        "{\"model\": ".to_owned(),
    ] {
        all.push(answered(Script::Queue, request).await);
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"unknown agent `nobody`: expected one of executive, coder","type":"invalid_request_error","param":"model","code":"model_not_found"}}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"`temperature` cannot be read: invalid type: string \"hot\", expected f32 at line 1 column 80","type":"invalid_request_error","param":"temperature","code":"invalid_type"}}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"`n` is 17, but must be from 1 to 16","type":"invalid_request_error","param":"n","code":"invalid_value"}}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"`tools[0].function` is missing","type":"invalid_request_error","param":"tools[0].function","code":"invalid_value"}}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the body is not valid JSON: EOF while parsing a value at line 1 column 10","type":"invalid_request_error","param":null,"code":"invalid_json"}}
    "#));
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let served = Served::new(&Scripted::new(Script::Queue)).await;
    let path = shown(served.get("/v1/edits?prompt=secret").await).await;
    let method = shown(served.get("/v1/chat/completions").await).await;
    let all = [path, method].join("\n\n");
    settings().bind(|| insta::assert_snapshot!(all, @r#"
    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"there is no /v1/edits here; /openapi.json says what there is","type":"invalid_request_error","param":null,"code":"not_found"}}

    405 Method Not Allowed
    content-type: application/json
    allow: POST
    x-request-id: req-ID

    {"error":{"message":"/v1/chat/completions does not take GET: the `allow` header says what it does","type":"invalid_request_error","param":null,"code":"method_not_allowed"}}
    "#));
}

#[tokio::test]
async fn a_failure_before_the_first_byte_is_a_status() {
    let failed = Event::Failed { message: "the KV cache is full".to_owned() };
    let mut all = Vec::new();
    for script in [
        vec![text("half an"), failed],
        vec![text("half an"), finished(FinishReason::Cancelled)],
        vec![text("half an")],
    ] {
        all.push(answered(Script::Say(script), body(&json!({}))).await);
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    500 Internal Server Error
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the engine failed: the KV cache is full","type":"server_error","param":null,"code":"engine_failed"}}

    503 Service Unavailable
    content-type: application/json
    retry-after: 5
    x-request-id: req-ID

    {"error":{"message":"the deployment was stopped before the answer was complete: ask again","type":"server_error","param":null,"code":"draining"}}

    500 Internal Server Error
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the engine failed: it stopped in the middle of the answer","type":"server_error","param":null,"code":"engine_failed"}}
    "#));
}

/// The client asked for the form, so it is not the server that failed.
#[tokio::test]
async fn a_form_that_meets_a_limit_is_the_clients_fault() {
    let broken = Event::FormBroken { message: "too many items".to_owned() };
    let script = || Script::Say(vec![text("{"), broken.clone()]);
    let whole = answered(script(), body(&json!({}))).await;
    settings().bind(|| insta::assert_snapshot!(whole, @r#"
    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the answer cannot go on in the form that was asked for: too many items","type":"invalid_request_error","param":null,"code":"form_too_costly"}}
    "#));
    let streamed = answered(script(), body(&json!({"stream": true}))).await;
    let last = streamed.trim_end().lines().last().unwrap_or_default();
    assert!(last.contains(r#""type":"invalid_request_error""#), "{streamed}");
    assert!(last.contains(r#""code":"form_too_costly""#), "{streamed}");
}

#[tokio::test]
async fn a_failure_in_mid_stream_is_an_event_and_the_end() {
    let failed = Event::Failed { message: "the KV cache is full".to_owned() };
    let script = vec![text("half an"), failed];
    let shown = answered(Script::Say(script), body(&json!({"stream": true}))).await;
    settings().bind(|| insta::assert_snapshot!(shown, @r#"
    200 OK
    content-type: text/event-stream
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"content":"half an"},"finish_reason":null}]}

    data: {"error":{"message":"the engine failed: the KV cache is full","type":"server_error","param":null,"code":"engine_failed"}}
    "#));
}

#[tokio::test]
async fn a_body_past_the_limit() {
    let config = Config { body_limit: 1000, ..Config::default() };
    let served = Served::with(&Scripted::new(Script::Queue), config).await;
    let large = body(&json!({"user": "x".repeat(1000)}));
    let announced = served.post(large.clone()).await;
    let announced = shown(announced).await;
    let pieces = futures::stream::iter([Ok::<_, std::io::Error>(large)]);
    let chunked = shown(served.post(reqwest::Body::wrap_stream(pieces)).await).await;
    assert_eq!(announced.lines().last(), chunked.lines().last());
    settings().bind(|| insta::assert_snapshot!(announced, @r#"
    413 Payload Too Large
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the body is larger than 1000 bytes, the most this server takes","type":"invalid_request_error","param":null,"code":"body_too_large"}}
    "#));
}

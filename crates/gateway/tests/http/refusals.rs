//! Errors: status, envelope and headers of each.

use std::time::Duration;

use harmonic_gateway::Config;
use harmonic_types::{Event, FinishReason, LargerContext, Rejection, Restart, Tokens};
use serde_json::json;

use crate::scripted_engine::{Script, ScriptedEngine, finished, text};
use crate::test_server::{TestServer, body, settings, shown};

/// Response to `request` when the engine follows `script`.
async fn response_to(script: Script, request: String) -> String {
    let server = TestServer::new(&ScriptedEngine::new(script)).await;
    shown(server.post(request).await).await
}

#[tokio::test]
async fn refusals_of_the_engine() {
    let agent = || "coder".into();
    let mut all = Vec::new();
    for refused in [
        Rejection::PromptTooLong {
            agent: agent(),
            prompt: Tokens(3000),
            context: Tokens(2048),
            larger: Box::new(LargerContext::Restart(Restart {
                stack: None,
                context: Tokens(4096),
            })),
        },
        Rejection::Invalid { message: "the template takes no tool messages".to_owned() },
        Rejection::QueueFull {
            agent: agent(),
            queued: 64,
            retry_after: Duration::from_millis(1200),
        },
        Rejection::FormsFull { waiting: 16, own: true, retry_after: Duration::from_secs(2) },
        Rejection::FormsFailed {
            message: "no thread".to_owned(),
            retry_after: Duration::from_secs(2),
        },
        Rejection::Draining,
        Rejection::Restarting { agent: agent(), retry_after: Duration::from_millis(250) },
        Rejection::EngineDied { agent: agent(), message: "out of memory".to_owned() },
    ] {
        // Streamed or not, the status line is sent after the engine's decision.
        let whole = response_to(Script::Refuse(refused.clone()), body(&json!({}))).await;
        let streamed = response_to(Script::Refuse(refused), body(&json!({"stream": true}))).await;
        assert_eq!(whole.lines().next(), streamed.lines().next());
        all.push(whole);
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the prompt has 3000 tokens, but the context of coder has 2048, at least one of them for the answer: shorten the prompt, or restart the server by the same `harmonic up` command, with `--context 4096`","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}

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
async fn refusals_of_the_gateway() {
    let mut all = Vec::new();
    for request in [
        body(&json!({"model": "nobody"})),
        body(&json!({"temperature": "hot"})),
        body(&json!({"n": 17})),
        body(&json!({"tools": [{"type": "function"}]})),
        "{\"model\": ".to_owned(),
    ] {
        all.push(response_to(Script::Queue, request).await);
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
async fn unknown_paths_and_methods() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let path = shown(server.get("/v1/edits?prompt=secret").await).await;
    let method = shown(server.get("/v1/chat/completions").await).await;
    let all = [path, method].join("\n\n");
    settings().bind(|| insta::assert_snapshot!(all, @r#"
    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"unknown path /v1/edits: /openapi.json lists the paths","type":"invalid_request_error","param":null,"code":"not_found"}}

    405 Method Not Allowed
    content-type: application/json
    allow: POST
    x-request-id: req-ID

    {"error":{"message":"/v1/chat/completions does not allow GET: the `allow` header lists the methods","type":"invalid_request_error","param":null,"code":"method_not_allowed"}}
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
        all.push(response_to(Script::Emit(script), body(&json!({}))).await);
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

/// The client requested the form, so it is not a server error.
#[tokio::test]
async fn a_form_that_reaches_a_limit_is_a_client_error() {
    let broken = Event::FormBroken { message: "too many items".to_owned() };
    let script = || Script::Emit(vec![text("{"), broken.clone()]);
    let whole = response_to(script(), body(&json!({}))).await;
    settings().bind(|| insta::assert_snapshot!(whole, @r#"
    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the answer cannot continue in the requested form: too many items","type":"invalid_request_error","param":null,"code":"form_too_costly"}}
    "#));
    let streamed = response_to(script(), body(&json!({"stream": true}))).await;
    let last = streamed.trim_end().lines().last().unwrap_or_default();
    assert!(last.contains(r#""type":"invalid_request_error""#), "{streamed}");
    assert!(last.contains(r#""code":"form_too_costly""#), "{streamed}");
}

#[tokio::test]
async fn a_failure_in_mid_stream_is_an_event_and_the_end() {
    let failed = Event::Failed { message: "the KV cache is full".to_owned() };
    let script = vec![text("half an"), failed];
    let shown = response_to(Script::Emit(script), body(&json!({"stream": true}))).await;
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
async fn a_body_beyond_the_limit() {
    let config = Config { body_limit: 1000, ..Config::default() };
    let server = TestServer::with_config(&ScriptedEngine::new(Script::Queue), config).await;
    let large = body(&json!({"user": "x".repeat(1000)}));
    let announced = server.post(large.clone()).await;
    let announced = shown(announced).await;
    let pieces = futures::stream::iter([Ok::<_, std::io::Error>(large)]);
    let chunked = shown(server.post(reqwest::Body::wrap_stream(pieces)).await).await;
    assert_eq!(announced.lines().last(), chunked.lines().last());
    settings().bind(|| insta::assert_snapshot!(announced, @r#"
    413 Payload Too Large
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"the body is too large: expected at most 1000 bytes","type":"invalid_request_error","param":null,"code":"body_too_large"}}
    "#));
}

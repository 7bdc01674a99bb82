//! Anthropic's dialect.

use std::time::Duration;

use harmonic_types::{Event, FinishReason, Rejection, Role, Tokens};
use serde_json::{Value, json};

use crate::scripted_engine::{Script, ScriptedEngine, answer, calls, finished, text};
use crate::test_server::{TestServer, settings, shown};

/// A request with the fields of `patch` over it.
fn request(patch: &Value) -> String {
    let mut body = json!({
        "model": "coder", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}],
    });
    for (field, value) in patch.as_object().expect("a patch is an object") {
        body[field] = value.clone();
    }
    body.to_string()
}

async fn response_to(script: Script, body: String) -> String {
    let server = TestServer::new(&ScriptedEngine::new(script)).await;
    shown(server.post_to("/v1/messages", body).await).await
}

#[tokio::test]
async fn a_stream() {
    let shown = response_to(Script::Emit(answer()), request(&json!({"stream": true}))).await;
    settings().bind(|| insta::assert_snapshot!(shown, @r#"
    200 OK
    content-type: text/event-stream
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    event: message_start
    data: {"type":"message_start","message":{"id":"msg_ID","type":"message","role":"assistant","model":"coder","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}

    event: content_block_start
    data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":0}

    event: content_block_start
    data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"say \"é\"\n\\"}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":1}

    event: message_delta
    data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":3}}

    event: message_stop
    data: {"type":"message_stop"}
    "#));
}

#[tokio::test]
async fn a_whole_answer() {
    let engine = ScriptedEngine::new(Script::Emit(answer()));
    let server = TestServer::new(&engine).await;
    let body = request(&json!({"system": "be brief", "temperature": 0.5, "top_k": 3}));
    let shown = shown(server.post_to("/v1/messages", body).await).await;
    settings().bind(|| insta::assert_snapshot!(shown, @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"id":"msg_ID","type":"message","role":"assistant","model":"coder","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"say \"é\"\n\\"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":3}}
    "#));
    let request = engine.submitted().await;
    let roles: Vec<_> = request.prompt.messages().iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User]);
    assert_eq!(request.max_tokens, Some(Tokens(9)));
}

#[tokio::test]
async fn calls_of_tools() {
    let tools = json!([{"name": "find", "input_schema": {"type": "object"}}, {"name": "now"}]);
    let patch = |stream| json!({"tools": tools, "tool_choice": {"type": "any"}, "stream": stream});
    let stream = response_to(Script::Emit(calls()), request(&patch(true))).await;
    let whole = response_to(Script::Emit(calls()), request(&patch(false))).await;
    settings().bind(|| insta::assert_snapshot!([stream, whole].join("\n\n"), @r#"
    200 OK
    content-type: text/event-stream
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    event: message_start
    data: {"type":"message_start","message":{"id":"msg_ID","type":"message","role":"assistant","model":"coder","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}

    event: content_block_start
    data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"look"}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":0}

    event: content_block_start
    data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"call_0","name":"find","input":{}}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"what\":"}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"é\"}"}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":1}

    event: content_block_start
    data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"call_1","name":"now","input":{}}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}

    event: content_block_stop
    data: {"type":"content_block_stop","index":2}

    event: message_delta
    data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":3}}

    event: message_stop
    data: {"type":"message_stop"}



    200 OK
    content-type: application/json
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"id":"msg_ID","type":"message","role":"assistant","model":"coder","content":[{"type":"text","text":"look"},{"type":"tool_use","id":"call_0","name":"find","input":{"what":"é"}},{"type":"tool_use","id":"call_1","name":"now","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":3}}
    "#));
}

#[tokio::test]
async fn failures_are_in_the_dialects_envelope() {
    let refused = |refused| Script::Refuse(refused);
    let failed = Event::Failed { message: "the KV cache is full".to_owned() };
    let full = Rejection::QueueFull {
        agent: "coder".into(),
        queued: 64,
        retry_after: Duration::from_secs(2),
    };
    let all = [
        response_to(Script::Emit(vec![text("half"), failed]), request(&json!({"stream": true})))
            .await,
        response_to(refused(full), request(&json!({"stream": true}))).await,
        response_to(refused(Rejection::Draining), request(&json!({}))).await,
        response_to(Script::Queue, request(&json!({"model": "nobody"}))).await,
        response_to(Script::Queue, request(&json!({"max_tokens": null}))).await,
        response_to(
            Script::Queue,
            format!("{{\"tools\": [{{\"input_schema\": {}", "[".repeat(100_000)),
        )
        .await,
    ];
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    200 OK
    content-type: text/event-stream
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    event: message_start
    data: {"type":"message_start","message":{"id":"msg_ID","type":"message","role":"assistant","model":"coder","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}

    event: content_block_start
    data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

    event: content_block_delta
    data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"half"}}

    event: error
    data: {"type":"error","error":{"type":"api_error","message":"the engine failed: the KV cache is full"}}



    429 Too Many Requests
    content-type: application/json
    retry-after: 2
    x-request-id: req-ID

    {"type":"error","error":{"type":"rate_limit_error","message":"the queue of coder is full (64 waiting): retry in 2 s"}}

    503 Service Unavailable
    content-type: application/json
    retry-after: 5
    x-request-id: req-ID

    {"type":"error","error":{"type":"overloaded_error","message":"the deployment is draining and accepts no new requests"}}

    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"type":"error","error":{"type":"not_found_error","message":"unknown agent `nobody`: expected one of executive, coder"}}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"type":"error","error":{"type":"invalid_request_error","message":"`max_tokens` is missing"}}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"type":"error","error":{"type":"invalid_request_error","message":"the body is not valid JSON: recursion limit exceeded at line 1 column 153"}}
    "#));
}

#[tokio::test]
async fn an_answer_that_is_cut_says_so() {
    let script = vec![text("half"), finished(FinishReason::Length)];
    let shown = response_to(Script::Emit(script), request(&json!({}))).await;
    assert!(shown.contains(r#""stop_reason":"max_tokens""#), "{shown}");
}

#[tokio::test]
async fn tokens_are_counted_by_the_engine() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let mut all = Vec::new();
    for body in [
        json!({"model": "coder", "messages": [{"role": "user", "content": "hi"}]}),
        json!({"model": "nobody", "messages": [{"role": "user", "content": "hi"}]}),
        json!({"model": "coder"}),
    ] {
        let path = "/v1/messages/count_tokens";
        all.push(shown(server.post_to(path, body.to_string()).await).await);
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID

    {"input_tokens":7}

    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"type":"error","error":{"type":"not_found_error","message":"unknown agent `nobody`: expected one of executive, coder"}}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"type":"error","error":{"type":"invalid_request_error","message":"`messages` must hold at least one message"}}
    "#));
}

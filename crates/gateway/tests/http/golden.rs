//! Complete responses, byte for byte.

use std::time::Duration;

use futures::StreamExt;
use harmonic_api::openai::{ChatMessage, ChatRequest};
use harmonic_api::{ChatEvent, Client};
use harmonic_engine::Health;
use harmonic_gateway::Config;
use harmonic_types::{Event, FinishReason, RequestId, Role, Tokens};
use serde_json::json;

use crate::scripted_engine::{Script, ScriptedEngine, answer, finished, text, within};
use crate::test_server::{TestServer, body, settings, shown};

#[tokio::test]
async fn a_stream() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(answer()))).await;
    let request = body(&json!({
        "stream": true, "stream_options": {"include_usage": true}, "logprobs": true,
    }));
    let shown = shown(server.post(request).await).await;
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

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"content":"say \"é\"\n\\"},"logprobs":{"content":[]},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"content":""},"logprobs":{"content":[{"token":"�","logprob":-9999.0,"bytes":[195],"top_logprobs":[{"token":"é","logprob":-0.5,"bytes":[195,169]}]}]},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":2}}}

    data: [DONE]
    "#));
}

#[tokio::test]
async fn a_stream_without_counts() {
    let script = vec![text("hi"), finished(FinishReason::Length)];
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(script))).await;
    let shown = shown(server.post(body(&json!({"stream": true}))).await).await;
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

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}

    data: [DONE]
    "#));
}

#[tokio::test]
async fn a_whole_answer() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(answer()))).await;
    let request = body(&json!({"logprobs": true, "top_logprobs": 1}));
    let shown = shown(server.post(request).await).await;
    settings().bind(|| insta::assert_snapshot!(shown, @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"id":"chatcmpl-ID","object":"chat.completion","created":TIME,"model":"coder","choices":[{"index":0,"message":{"role":"assistant","content":"say \"é\"\n\\","reasoning_content":"hm"},"logprobs":{"content":[{"token":"�","logprob":-9999.0,"bytes":[195],"top_logprobs":[{"token":"é","logprob":-0.5,"bytes":[195,169]}]}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":2}}}
    "#));
}

#[tokio::test]
async fn the_models_are_the_agents() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let shown = shown(server.get("/v1/models").await).await;
    settings().bind(|| insta::assert_snapshot!(shown, @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID

    {"object":"list","data":[{"id":"executive","object":"model","created":TIME,"owned_by":"harmonic","role":"the executive","model":"smollm2:135m","context":2048},{"id":"coder","object":"model","created":TIME,"owned_by":"harmonic","role":"the coder","model":"smollm2:135m","context":2048}]}
    "#));
}

#[tokio::test]
async fn health_of_a_ready_engine_and_of_a_dead_one() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let ready = shown(server.get("/health").await).await;
    settings().bind(|| insta::assert_snapshot!(ready, @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID

    {"status":"ok","engines":[{"id":"small","model":"smollm2:135m","kind":"scripted","state":"ready","message":null,"sequences":4,"in_flight":1,"queued":5}]}
    "#));

    let health = Health::Died { message: "out of memory".to_owned() };
    let server = TestServer::new(&ScriptedEngine::with_health(Script::Queue, health)).await;
    let died = shown(server.get("/health").await).await;
    settings().bind(|| insta::assert_snapshot!(died, @r#"
    503 Service Unavailable
    content-type: application/json
    x-request-id: req-ID

    {"status":"degraded","engines":[{"id":"small","model":"smollm2:135m","kind":"scripted","state":"died","message":"out of memory","sequences":4,"in_flight":1,"queued":5}]}
    "#));
}

#[tokio::test]
async fn readiness_names_the_engines_that_are_not_ready() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let ready = shown(server.get("/ready").await).await;
    settings().bind(|| {
        insta::assert_snapshot!(ready, @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID

    {"ready":true,"waiting_for":[]}
    "#);
    });

    let health = Health::Restarting { message: "out of memory".to_owned() };
    let server = TestServer::new(&ScriptedEngine::with_health(Script::Queue, health)).await;
    let restarting = shown(server.get("/ready").await).await;
    settings().bind(|| {
        insta::assert_snapshot!(restarting, @r#"
    503 Service Unavailable
    content-type: application/json
    x-request-id: req-ID

    {"ready":false,"waiting_for":[{"engine":"small","state":"restarting"}]}
    "#);
    });
}

#[tokio::test]
async fn slots_of_every_agent() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let slots = shown(server.get("/slots").await).await;
    settings().bind(|| insta::assert_snapshot!(slots, @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID

    {"schema":"harmonic.slots/1","engines":[{"id":"small","model":"smollm2:135m","digest":"b179","format":"F16","build":"scripted/1","kv_layout":"unified","kv_type":"q8_0","capabilities":{"generation":true,"logprobs":true,"forms":{"json_object":true,"json_schema":true,"grammar":true,"regex":true},"tools":true,"strict_tools":true,"exact_counts":true,"preemption":true,"prefix_cache":true,"embeddings":false,"ignore_eos":true,"own_system_turn":true,"request_context":false,"vision":false,"audio":false},"state":"ready","sequences":4,"in_flight":1,"lent":0,"parked":0,"queued":5,"preparing":0,"agents":[{"agent":"coder","slots":2,"context":2048,"in_flight":1,"borrowed":0,"parked":0,"queued":5}]}]}
    "#));
}

#[tokio::test]
async fn the_engine_gets_the_fields_of_the_request() {
    let engine = ScriptedEngine::new(Script::Emit(answer()));
    let server = TestServer::new(&engine).await;
    server.post(body(&json!({"max_tokens": 9, "temperature": 0, "stop": "END"}))).await;
    let first = engine.submitted().await;
    assert_eq!(first.agent, "coder".into());
    assert_eq!(first.prompt.messages()[0].role, Role::User);
    assert_eq!((first.max_tokens, first.stop), (Some(Tokens(9)), vec!["END".to_owned()]));
    assert_eq!(first.sampling.temperature, Some(0.0));
    server.post(body(&json!({}))).await;
    let RequestId(second) = engine.submitted().await.id;
    assert_ne!(first.id, RequestId(second));
}

#[tokio::test]
async fn the_clients_request_id_is_returned() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let url = format!("{}/health", server.url);
    let response = server.http.get(url).header("x-request-id", "mine-7").send().await.expect("ok");
    assert_eq!(response.headers()["x-request-id"], "mine-7");
}

#[tokio::test]
async fn our_client_reads_what_our_server_writes() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(answer()))).await;
    let client = Client::new(&server.url).expect("a client");
    client.health().await.expect("well");
    assert_eq!(client.models().await.expect("models"), ["executive", "coder"]);
    let request = ChatRequest {
        model: "coder".to_owned(),
        messages: vec![ChatMessage::new("user", "hi")],
        ..ChatRequest::default()
    };
    let stream = within(client.chat(&request)).await.expect("an answer");
    let events: Vec<ChatEvent> = within(stream.map(|event| event.expect("whole")).collect()).await;
    assert_eq!(
        events[..3],
        [
            ChatEvent::Delta(Event::Reasoning { text: "hm".to_owned() }),
            ChatEvent::Delta(Event::Text {
                text: "say \"é\"\n\\".to_owned(),
                logprobs: Vec::new()
            }),
            ChatEvent::Finish { reason: "stop".to_owned() },
        ]
    );
    assert!(matches!(events[3..], [ChatEvent::Usage(usage)] if usage.total_tokens == 10));
}

#[tokio::test]
async fn an_idle_stream_has_keep_alive_pings() {
    let engine = ScriptedEngine::new(Script::EmitAndWait(Vec::new()));
    let config = Config { ping: Duration::from_millis(1), ..Config::default() };
    let server = TestServer::with_config(&engine, config).await;
    let response = server.post(body(&json!({"stream": true}))).await;
    let mut chunks = response.bytes_stream();
    let mut read = String::new();
    while !read.contains("\n\n: ping\n\n: ping\n\n") {
        let chunk = within(chunks.next()).await.expect("a piece").expect("whole");
        read.push_str(str::from_utf8(&chunk).expect("text"));
    }
    assert!(!read.contains("data:"), "no event before the first token: {read}");
    engine.emit(&finished(FinishReason::Stop));
    while let Some(chunk) = within(chunks.next()).await {
        read.push_str(str::from_utf8(&chunk.expect("whole")).expect("text"));
    }
    assert!(read.ends_with("data: [DONE]\n\n"), "{read}");
}

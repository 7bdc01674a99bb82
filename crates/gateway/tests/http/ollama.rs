//! Ollama's dialect.

use futures::StreamExt;
use harmonic_gateway::Config;
use harmonic_types::{Event, FinishReason, Prompt, Rejection, Role, Tokens};
use serde_json::{Value, json};

use crate::scripted_engine::{Script, ScriptedEngine, answer, calls, finished, text, within};
use crate::test_server::{TestServer, settings, shown};

/// A chat with the fields of `patch` over it.
fn chat(patch: &Value) -> String {
    let mut body =
        json!({"model": "coder:latest", "messages": [{"role": "user", "content": "hi"}]});
    for (field, value) in patch.as_object().expect("a patch is an object") {
        body[field] = value.clone();
    }
    body.to_string()
}

async fn response_to(script: Vec<Event>, path: &str, body: String) -> String {
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(script))).await;
    shown(server.post_to(path, body).await).await
}

#[tokio::test]
async fn a_chat_in_lines() {
    let shown = response_to(answer(), "/api/chat", chat(&json!({"logprobs": true}))).await;
    settings().bind(|| insta::assert_snapshot!(shown, @r#"
    200 OK
    content-type: application/x-ndjson
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}
    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":"say \"é\"\n\\"},"done":false}
    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":""},"logprobs":[{"token":"�","logprob":-9999.0,"bytes":[195],"top_logprobs":[{"token":"é","logprob":-0.5,"bytes":[195,169]}]}],"done":false}
    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":NANOSECONDS,"load_duration":NANOSECONDS,"prompt_eval_count":7,"prompt_eval_duration":NANOSECONDS,"eval_count":3,"eval_duration":NANOSECONDS}
    "#));
}

#[tokio::test]
async fn a_chat_as_a_document() {
    let shown = response_to(answer(), "/api/chat", chat(&json!({"stream": false}))).await;
    settings().bind(|| insta::assert_snapshot!(shown, @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":"say \"é\"\n\\","thinking":"hm"},"done":true,"done_reason":"stop","total_duration":NANOSECONDS,"load_duration":NANOSECONDS,"prompt_eval_count":7,"prompt_eval_duration":NANOSECONDS,"eval_count":3,"eval_duration":NANOSECONDS}
    "#));
}

#[tokio::test]
async fn calls_of_tools() {
    let tools = json!([{"type": "function", "function": {"name": "find"}}]);
    let lines = response_to(calls(), "/api/chat", chat(&json!({"tools": tools}))).await;
    let whole =
        response_to(calls(), "/api/chat", chat(&json!({"tools": tools, "stream": false}))).await;
    let all = [lines, whole].join("\n\n");
    settings().bind(|| insta::assert_snapshot!(all, @r#"
    200 OK
    content-type: application/x-ndjson
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":"look"},"done":false}
    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":"","tool_calls":[{"id":"call_0","function":{"index":0,"name":"find","arguments":{"what":"é"}}}]},"done":false}
    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":"","tool_calls":[{"id":"call_1","function":{"index":1,"name":"now","arguments":{}}}]},"done":false}
    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":NANOSECONDS,"load_duration":NANOSECONDS,"prompt_eval_count":7,"prompt_eval_duration":NANOSECONDS,"eval_count":3,"eval_duration":NANOSECONDS}


    200 OK
    content-type: application/json
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":"look","tool_calls":[{"id":"call_0","function":{"index":0,"name":"find","arguments":{"what":"é"}}},{"id":"call_1","function":{"index":1,"name":"now","arguments":{}}}]},"done":true,"done_reason":"stop","total_duration":NANOSECONDS,"load_duration":NANOSECONDS,"prompt_eval_count":7,"prompt_eval_duration":NANOSECONDS,"eval_count":3,"eval_duration":NANOSECONDS}
    "#));
}

#[tokio::test]
async fn an_incomplete_call_is_left_out() {
    let mut script = calls();
    script.truncate(3);
    script.push(finished(FinishReason::Length));
    let shown = response_to(script, "/api/chat", chat(&json!({}))).await;
    assert!(!shown.contains("tool_calls"), "{shown}");
    assert!(shown.contains(r#""done_reason":"length""#), "{shown}");
}

#[tokio::test]
async fn a_generation() {
    let engine = ScriptedEngine::new(Script::Emit(answer()));
    let server = TestServer::new(&engine).await;
    let body = json!({"model": "coder", "prompt": "hi", "system": "be brief"});
    let lines = shown(server.post_to("/api/generate", body.to_string()).await).await;
    let request = engine.submitted().await;
    let roles: Vec<_> = request.prompt.messages().iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User]);
    let body = json!({
        "model": "coder", "prompt": "hi", "raw": true, "stream": false,
        "options": {"num_predict": 9, "seed": 3},
    });
    let whole = shown(server.post_to("/api/generate", body.to_string()).await).await;
    let request = engine.submitted().await;
    assert_eq!(request.prompt, Prompt::Text("hi".to_owned()));
    assert_eq!((request.max_tokens, request.seed), (Some(Tokens(9)), Some(3)));
    let all = [lines, whole].join("\n\n");
    settings().bind(|| insta::assert_snapshot!(all, @r#"
    200 OK
    content-type: application/x-ndjson
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"model":"coder","created_at":"TIME","response":"","thinking":"hm","done":false}
    {"model":"coder","created_at":"TIME","response":"say \"é\"\n\\","done":false}
    {"model":"coder","created_at":"TIME","response":"","done":true,"done_reason":"stop","total_duration":NANOSECONDS,"load_duration":NANOSECONDS,"prompt_eval_count":7,"prompt_eval_duration":NANOSECONDS,"eval_count":3,"eval_duration":NANOSECONDS}


    200 OK
    content-type: application/json
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"model":"coder","created_at":"TIME","response":"say \"é\"\n\\","thinking":"hm","done":true,"done_reason":"stop","total_duration":NANOSECONDS,"load_duration":NANOSECONDS,"prompt_eval_count":7,"prompt_eval_duration":NANOSECONDS,"eval_count":3,"eval_duration":NANOSECONDS}
    "#));
}

#[tokio::test]
async fn an_empty_request_checks_that_the_agent_exists() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let mut all = Vec::new();
    for (path, body) in [
        ("/api/chat", json!({"model": "coder", "messages": []})),
        ("/api/generate", json!({"model": "coder", "stream": false})),
        ("/api/generate", json!({"model": "nobody"})),
    ] {
        all.push(shown(server.post_to(path, body.to_string()).await).await);
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    200 OK
    content-type: application/x-ndjson
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder

    {"model":"coder","created_at":"TIME","message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}


    200 OK
    content-type: application/json
    x-request-id: req-ID
    x-harmonic-agent: coder

    {"model":"coder","created_at":"TIME","response":"","done":true,"done_reason":"load"}

    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"error":"unknown agent `nobody`: expected one of executive, coder"}
    "#));
}

#[tokio::test]
async fn failures_are_in_the_dialects_envelope() {
    let failed = Event::Failed { message: "the KV cache is full".to_owned() };
    let mut all = vec![
        response_to(vec![text("half"), failed.clone()], "/api/chat", chat(&json!({}))).await,
        response_to(vec![failed], "/api/chat", chat(&json!({"stream": false}))).await,
        response_to(Vec::new(), "/api/chat", chat(&json!({"options": 7}))).await,
        response_to(Vec::new(), "/api/chat", "[".repeat(100_000)).await,
        response_to(Vec::new(), "/api/nothing", String::new()).await,
    ];
    let server = TestServer::new(&ScriptedEngine::new(Script::Refuse(Rejection::Draining))).await;
    all.push(shown(server.post_to("/api/chat", chat(&json!({}))).await).await);
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    200 OK
    content-type: application/x-ndjson
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"model":"coder:latest","created_at":"TIME","message":{"role":"assistant","content":"half"},"done":false}
    {"error":"the engine failed: the KV cache is full"}


    500 Internal Server Error
    content-type: application/json
    x-request-id: req-ID

    {"error":"the engine failed: the KV cache is full"}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":"`options` cannot be read: invalid type: integer `7`, expected an object at line 1 column 79"}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":"the body cannot be read: invalid type: sequence, expected an object at line 1 column 1"}

    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"error":"unknown path /api/nothing: /openapi.json lists the paths"}

    503 Service Unavailable
    content-type: application/json
    retry-after: 5
    x-request-id: req-ID

    {"error":"the deployment is draining and accepts no new requests"}
    "#));
}

#[tokio::test]
async fn an_idle_stream_has_keep_alive_lines() {
    let engine = ScriptedEngine::new(Script::EmitAndWait(Vec::new()));
    let config = Config { ping: std::time::Duration::from_millis(1), ..Config::default() };
    let server = TestServer::with_config(&engine, config).await;
    let response = server.post_to("/api/chat", chat(&json!({}))).await;
    let mut chunks = response.bytes_stream();
    let first = within(chunks.next()).await.expect("a piece").expect("whole");
    let line: Value = serde_json::from_slice(&first).expect("a line of JSON");
    assert_eq!((&line["done"], &line["message"]["content"]), (&json!(false), &json!("")));
}

#[tokio::test]
async fn agents_are_models() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let mut all = Vec::new();
    for path in ["/", "/api/version", "/api/tags", "/api/ps"] {
        all.push(shown(server.get(path).await).await);
    }
    for body in [r#"{"model": "coder:latest"}"#, r#"{"name": "nobody"}"#, "{}"] {
        all.push(shown(server.post_to("/api/show", body).await).await);
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    200 OK
    content-type: text/plain; charset=utf-8
    cache-control: no-store
    x-request-id: req-ID

    Ollama is running, spoken by Harmonic Stack

    Harmonic Stack 0.1.0: a team of local agents, each of them a model:
      executive: the executive
      coder: the coder

      OpenAI     POST /v1/chat/completions
      Ollama     POST /api/chat
      Anthropic  POST /v1/messages

      /v1/models       the agents, as models
      /openapi.json    description of the API
      /health          state of every engine
      /slots           slots of every agent, and queued requests
      /events          what happens in the team
      /metrics         metrics for Prometheus
      docs/clients.md  configuration of clients
      docs/api.md      supported fields of each dialect


    200 OK
    content-type: application/json
    x-request-id: req-ID

    {"version":"0.13.0","harmonic":"0.1.0"}

    200 OK
    content-type: application/json
    x-request-id: req-ID

    {"models":[{"name":"executive","model":"executive","modified_at":"TIME","digest":"c603c2c86987d49ef5055f215e92fd5996bacefbc1a399305630532e4f04758a","details":{"parent_model":"smollm2:135m","format":"gguf","family":"","families":[],"parameter_size":"","quantization_level":""}},{"name":"coder","model":"coder","modified_at":"TIME","digest":"8c7f26c0b5c3d7fd41251e32030fcdd8ccad5ec8aa9fd6dba480f7354d2b5c0b","details":{"parent_model":"smollm2:135m","format":"gguf","family":"","families":[],"parameter_size":"","quantization_level":""}}]}

    200 OK
    content-type: application/json
    x-request-id: req-ID

    {"models":[{"name":"executive","model":"executive","size_vram":0,"digest":"c603c2c86987d49ef5055f215e92fd5996bacefbc1a399305630532e4f04758a","details":{"parent_model":"smollm2:135m","format":"gguf","family":"","families":[],"parameter_size":"","quantization_level":""},"expires_at":"2318-01-01T00:00:00Z","context_length":2048},{"name":"coder","model":"coder","size_vram":0,"digest":"8c7f26c0b5c3d7fd41251e32030fcdd8ccad5ec8aa9fd6dba480f7354d2b5c0b","details":{"parent_model":"smollm2:135m","format":"gguf","family":"","families":[],"parameter_size":"","quantization_level":""},"expires_at":"2318-01-01T00:00:00Z","context_length":2048}]}

    200 OK
    content-type: application/json
    x-request-id: req-ID

    {"modified_at":"TIME","details":{"parent_model":"smollm2:135m","format":"gguf","family":"","families":[],"parameter_size":"","quantization_level":""},"modelfile":"FROM smollm2:135m\nPARAMETER num_ctx 2048\nPARAMETER temperature 0.7\nPARAMETER top_k 40\nPARAMETER top_p 0.95\nPARAMETER min_p 0\nPARAMETER repeat_penalty 1\nPARAMETER presence_penalty 0\nPARAMETER frequency_penalty 0","parameters":"num_ctx                        2048\ntemperature                    0.7\ntop_k                          40\ntop_p                          0.95\nmin_p                          0\nrepeat_penalty                 1\npresence_penalty               0\nfrequency_penalty              0","template":"","system":"","license":"","model_info":{"general.architecture":"harmonic","harmonic.context_length":2048},"capabilities":["completion","tools"]}

    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"error":"unknown agent `nobody`: expected one of executive, coder"}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":"`model` must name an agent of this stack"}
    "#));
    let head = within(server.http.head(&server.url).send()).await.expect("an answer");
    assert_eq!(head.status(), 200);
}

//! Requests that need a capability the engine lacks are refused before they are queued.

use std::sync::Arc;

use harmonic_engine::{Capabilities, Forms};
use harmonic_types::{ContentPart, FinishReason, Tokens};
use serde_json::{Value, json};

use crate::scripted_engine::{ALL_CAPABILITIES, Script, ScriptedEngine, finished, text};
use crate::test_server::{TestServer, settings, shown};

/// Requests in every dialect, each of which needs a capability.
fn requests_of_capabilities() -> Vec<(&'static str, Value)> {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let schema = json!({"type": "object"});
    let chat = |field: &str, value: Value| {
        ("/v1/chat/completions", json!({"model": "coder", "messages": messages, field: value}))
    };
    let complete = |field: &str, value: Value| {
        ("/v1/completions", json!({"model": "coder", "prompt": "hi", field: value}))
    };
    let respond = |field: &str, value: Value| {
        ("/v1/responses", json!({"model": "coder", "input": "hi", field: value}))
    };
    let ollama = |field: &str, value: Value| {
        ("/api/chat", json!({"model": "coder", "messages": messages, field: value}))
    };
    let message = |field: &str, value: Value| {
        let base = json!({"model": "coder", "messages": messages, "max_tokens": 9, field: value});
        ("/v1/messages", base)
    };
    let function = json!([{"type": "function", "function": {"name": "f"}}]);
    vec![
        chat("logprobs", json!(true)),
        chat("response_format", json!({"type": "json_object"})),
        chat("guided_regex", json!("a+")),
        chat("structured_outputs", json!({"grammar": "start: \"a\""})),
        chat("tools", function.clone()),
        chat("ignore_eos", json!(true)),
        complete("logprobs", json!(3)),
        complete("guided_json", schema.clone()),
        respond("include", json!(["message.output_text.logprobs"])),
        respond("top_logprobs", json!(2)),
        respond("text", json!({"format": {"type": "json_schema", "name": "n", "schema": schema}})),
        respond("tools", json!([{"type": "function", "name": "f"}])),
        ollama("logprobs", json!(true)),
        ollama("format", json!("json")),
        ollama("tools", function),
        ("/api/generate", json!({"model": "coder", "prompt": "hi", "format": schema})),
        message("tools", json!([{"name": "f", "input_schema": {"type": "object"}}])),
        message("output_config", json!({"format": {"type": "json_schema", "schema": schema}})),
        message("output_format", json!({"type": "json_schema", "schema": schema})),
        ("/v1/messages/count_tokens", json!({"model": "coder", "messages": messages})),
    ]
}

/// Requests with an image or a recording, in every dialect.
fn with_media() -> Vec<(&'static str, Value)> {
    let says = |content: Value| json!([{"role": "user", "content": content}]);
    let url = "data:image/png;base64,iVBORw0KGgo=";
    let text = json!({"type": "text", "text": "what is it?"});
    let image = json!({"type": "image_url", "image_url": {"url": url}});
    let recording =
        json!({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}});
    let source = json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="});
    let block = json!({"type": "image", "source": source});
    let output = json!([{"type": "input_image", "image_url": url}]);
    let result = json!({"type": "tool_result", "tool_use_id": "c", "content": [block]});
    vec![
        ("/v1/chat/completions", json!({"model": "coder", "messages": says(json!([text, image]))})),
        ("/v1/chat/completions", json!({"model": "coder", "messages": says(json!([recording]))})),
        (
            "/v1/responses",
            json!({"model": "coder", "input": [
                {"role": "user", "content": [{"type": "input_image", "image_url": url}]},
            ]}),
        ),
        (
            "/v1/responses",
            json!({"model": "coder", "input": [
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": output},
            ]}),
        ),
        (
            "/api/chat",
            json!({"model": "coder", "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "what is it?", "images": ["iVBORw0KGgo="]},
            ]}),
        ),
        ("/api/generate", json!({"model": "coder", "prompt": "?", "images": ["iVBORw0KGgo="]})),
        (
            "/v1/messages",
            json!({"model": "coder", "max_tokens": 9, "messages": says(json!([text, block]))}),
        ),
        (
            "/v1/messages",
            json!({"model": "coder", "max_tokens": 9, "messages": says(json!([result]))}),
        ),
        (
            "/v1/messages/count_tokens",
            json!({"model": "coder", "messages": says(json!([text, block]))}),
        ),
    ]
}

/// Errors of `requests`, all of which are refused before they reach `engine`.
async fn refused(engine: &Arc<ScriptedEngine>, requests: Vec<(&'static str, Value)>) -> String {
    let server = TestServer::new(engine).await;
    let mut all = Vec::new();
    for (path, body) in requests {
        let response = server.post_to(path, body.to_string()).await;
        let answer = shown(response).await;
        let (status, error) = answer.split_once('\n').expect("headers");
        assert_eq!(status, "400 Bad Request", "{path}: {answer}");
        let error = error.trim_end().lines().last().unwrap_or_default();
        assert!(error.contains("smollm2:135m"), "the model is named: {error}");
        all.push(format!("{path} {error}"));
    }
    assert_eq!(*engine.seen.borrow(), None, "nothing reached the engine");
    all.join("\n")
}

#[tokio::test]
async fn a_missing_capability_is_refused_with_the_field_that_needs_it() {
    let engine = ScriptedEngine::with_capabilities(Capabilities::TEXT, Script::Queue);
    let errors = refused(&engine, requests_of_capabilities()).await;
    settings().bind(|| insta::assert_snapshot!(errors, @r#"
    /v1/chat/completions {"error":{"message":"`logprobs` is not supported by coder: the engine of its model smollm2:135m returns no log-probabilities; leave it out, or ask another agent","type":"invalid_request_error","param":"logprobs","code":"unsupported"}}
    /v1/chat/completions {"error":{"message":"`response_format` is not supported by coder: the engine of its model smollm2:135m cannot constrain answers to JSON; leave it out, or ask another agent","type":"invalid_request_error","param":"response_format","code":"unsupported"}}
    /v1/chat/completions {"error":{"message":"`guided_regex` is not supported by coder: the engine of its model smollm2:135m cannot constrain answers to a regular expression; leave it out, or ask another agent","type":"invalid_request_error","param":"guided_regex","code":"unsupported"}}
    /v1/chat/completions {"error":{"message":"`structured_outputs` is not supported by coder: the engine of its model smollm2:135m cannot constrain answers to a grammar; leave it out, or ask another agent","type":"invalid_request_error","param":"structured_outputs","code":"unsupported"}}
    /v1/chat/completions {"error":{"message":"`tools` is not supported by coder: the engine of its model smollm2:135m cannot call tools; leave it out, or ask another agent","type":"invalid_request_error","param":"tools","code":"unsupported"}}
    /v1/chat/completions {"error":{"message":"`ignore_eos` is not supported by coder: the engine of its model smollm2:135m cannot continue past the end of a turn; leave it out, or ask another agent","type":"invalid_request_error","param":"ignore_eos","code":"unsupported"}}
    /v1/completions {"error":{"message":"`logprobs` is not supported by coder: the engine of its model smollm2:135m returns no log-probabilities; leave it out, or ask another agent","type":"invalid_request_error","param":"logprobs","code":"unsupported"}}
    /v1/completions {"error":{"message":"`guided_json` is not supported by coder: the engine of its model smollm2:135m cannot constrain answers to a JSON Schema; leave it out, or ask another agent","type":"invalid_request_error","param":"guided_json","code":"unsupported"}}
    /v1/responses {"error":{"message":"`include` is not supported by coder: the engine of its model smollm2:135m returns no log-probabilities; leave it out, or ask another agent","type":"invalid_request_error","param":"include","code":"unsupported"}}
    /v1/responses {"error":{"message":"`top_logprobs` is not supported by coder: the engine of its model smollm2:135m returns no log-probabilities; leave it out, or ask another agent","type":"invalid_request_error","param":"top_logprobs","code":"unsupported"}}
    /v1/responses {"error":{"message":"`text.format` is not supported by coder: the engine of its model smollm2:135m cannot constrain answers to a JSON Schema; leave it out, or ask another agent","type":"invalid_request_error","param":"text.format","code":"unsupported"}}
    /v1/responses {"error":{"message":"`tools` is not supported by coder: the engine of its model smollm2:135m cannot call tools; leave it out, or ask another agent","type":"invalid_request_error","param":"tools","code":"unsupported"}}
    /api/chat {"error":"`logprobs` is not supported by coder: the engine of its model smollm2:135m returns no log-probabilities; leave it out, or ask another agent"}
    /api/chat {"error":"`format` is not supported by coder: the engine of its model smollm2:135m cannot constrain answers to JSON; leave it out, or ask another agent"}
    /api/chat {"error":"`tools` is not supported by coder: the engine of its model smollm2:135m cannot call tools; leave it out, or ask another agent"}
    /api/generate {"error":"`format` is not supported by coder: the engine of its model smollm2:135m cannot constrain answers to a JSON Schema; leave it out, or ask another agent"}
    /v1/messages {"type":"error","error":{"type":"invalid_request_error","message":"`tools` is not supported by coder: the engine of its model smollm2:135m cannot call tools; leave it out, or ask another agent"}}
    /v1/messages {"type":"error","error":{"type":"invalid_request_error","message":"`output_config.format` is not supported by coder: the engine of its model smollm2:135m cannot constrain answers to a JSON Schema; leave it out, or ask another agent"}}
    /v1/messages {"type":"error","error":{"type":"invalid_request_error","message":"`output_format` is not supported by coder: the engine of its model smollm2:135m cannot constrain answers to a JSON Schema; leave it out, or ask another agent"}}
    /v1/messages/count_tokens {"type":"error","error":{"type":"invalid_request_error","message":"coder cannot count tokens: the engine of its model smollm2:135m can only estimate them; ask another agent"}}
    "#));
}

#[tokio::test]
async fn images_and_audio_are_refused_with_their_path() {
    let errors = refused(&ScriptedEngine::new(Script::Queue), with_media()).await;
    settings().bind(|| insta::assert_snapshot!(errors, @r#"
    /v1/chat/completions {"error":{"message":"`messages[0].content[1]` is not supported by coder: the engine of its model smollm2:135m cannot read images; leave it out, or ask another agent","type":"invalid_request_error","param":"messages[0].content[1]","code":"unsupported"}}
    /v1/chat/completions {"error":{"message":"`messages[0].content[0]` is not supported by coder: the engine of its model smollm2:135m cannot read audio; leave it out, or ask another agent","type":"invalid_request_error","param":"messages[0].content[0]","code":"unsupported"}}
    /v1/responses {"error":{"message":"`input[0].content[0]` is not supported by coder: the engine of its model smollm2:135m cannot read images; leave it out, or ask another agent","type":"invalid_request_error","param":"input[0].content[0]","code":"unsupported"}}
    /v1/responses {"error":{"message":"`input[1].output[0]` is not supported by coder: the engine of its model smollm2:135m cannot read images; leave it out, or ask another agent","type":"invalid_request_error","param":"input[1].output[0]","code":"unsupported"}}
    /api/chat {"error":"`messages[1].images[0]` is not supported by coder: the engine of its model smollm2:135m cannot read images; leave it out, or ask another agent"}
    /api/generate {"error":"`images[0]` is not supported by coder: the engine of its model smollm2:135m cannot read images; leave it out, or ask another agent"}
    /v1/messages {"type":"error","error":{"type":"invalid_request_error","message":"`messages[0].content[1]` is not supported by coder: the engine of its model smollm2:135m cannot read images; leave it out, or ask another agent"}}
    /v1/messages {"type":"error","error":{"type":"invalid_request_error","message":"`messages[0].content[0].content[0]` is not supported by coder: the engine of its model smollm2:135m cannot read images; leave it out, or ask another agent"}}
    /v1/messages/count_tokens {"type":"error","error":{"type":"invalid_request_error","message":"`messages[0].content[1]` is not supported by coder: the engine of its model smollm2:135m cannot read images; leave it out, or ask another agent"}}
    "#));
}

#[tokio::test]
async fn images_and_audio_reach_an_engine_that_reads_them() {
    let capabilities = Capabilities { vision: true, audio: true, ..ALL_CAPABILITIES };
    for (path, body) in with_media() {
        let script = Script::Emit(vec![text("a cat"), finished(FinishReason::Stop)]);
        let engine = ScriptedEngine::with_capabilities(capabilities, script);
        let server = TestServer::new(&engine).await;
        let response = server.post_to(path, body.to_string()).await;
        assert_eq!(response.status(), 200, "{path} {body}");
        if path.ends_with("count_tokens") {
            continue;
        }
        let request = engine.submitted().await;
        let mut parts = request.prompt.messages().iter().flat_map(|message| &message.content);
        let media = parts.find_map(|part| match part {
            ContentPart::Image(media) | ContentPart::Audio(media) => Some(media.base64.as_str()),
            ContentPart::Text { .. } => None,
        });
        assert!(["iVBORw0KGgo=", "UklGRg=="].contains(&media.expect("it is there")), "{path}");
    }
}

#[tokio::test]
async fn supported_requests_reach_the_engine() {
    let script = || Script::Emit(vec![text("hi"), finished(FinishReason::Stop)]);
    let server =
        TestServer::new(&ScriptedEngine::with_capabilities(ALL_CAPABILITIES, script())).await;
    for (path, body) in requests_of_capabilities() {
        let response = server.post_to(path, body.to_string()).await;
        assert_eq!(response.status(), 200, "{path} {body}");
    }
}

/// The lack of one form does not affect the others.
#[tokio::test]
async fn each_form_is_a_capability_of_its_own() {
    let forms = Forms { json_object: true, ..Forms::default() };
    let capabilities = Capabilities { forms, ..ALL_CAPABILITIES };
    let script = Script::Emit(vec![text("{}"), finished(FinishReason::Stop)]);
    let server = TestServer::new(&ScriptedEngine::with_capabilities(capabilities, script)).await;
    for (field, value, status) in [
        ("response_format", json!({"type": "json_object"}), 200),
        ("response_format", json!({"type": "json_schema", "json_schema": {"schema": {}}}), 400),
        ("regex", json!("a"), 400),
    ] {
        let messages = json!([{"role": "user", "content": "hi"}]);
        let body = json!({"model": "coder", "messages": messages, field: value});
        assert_eq!(server.post(body.to_string()).await.status(), status, "{body}");
    }
}

/// Tools with `tool_choice: none` need no capability.
#[tokio::test]
async fn tools_that_may_not_be_called_need_no_capability() {
    let capabilities = Capabilities { tools: false, ..ALL_CAPABILITIES };
    let script = Script::Emit(vec![text("hi"), finished(FinishReason::Stop)]);
    let server = TestServer::new(&ScriptedEngine::with_capabilities(capabilities, script)).await;
    for (choice, status) in [("none", 200), ("auto", 400), ("required", 400)] {
        let body = json!({
            "model": "coder", "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": choice,
        });
        assert_eq!(server.post(body.to_string()).await.status(), status, "{choice}");
    }
}

/// Clients send a context by default: it is ignored, and the header names it.
#[tokio::test]
async fn a_context_per_request_is_used_or_named_as_ignored() {
    let body = json!({
        "model": "coder", "messages": [{"role": "user", "content": "hi"}], "stream": false,
        "options": {"num_ctx": 1024},
    });
    for is_supported in [true, false] {
        let capabilities = Capabilities { request_context: is_supported, ..ALL_CAPABILITIES };
        let script = Script::Emit(vec![text("hi"), finished(FinishReason::Stop)]);
        let engine = ScriptedEngine::with_capabilities(capabilities, script);
        let server = TestServer::new(&engine).await;
        let response = server.post_to("/api/chat", body.to_string()).await;
        let ignored = response.headers().get("x-harmonic-ignored").cloned();
        assert_eq!(ignored.is_none(), is_supported, "{ignored:?}");
        assert!(ignored.is_none_or(|line| line == "options.num_ctx"));
        assert_eq!(engine.submitted().await.context, Some(Tokens(1024)));
    }
}

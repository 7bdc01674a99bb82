//! What OpenAI's dialect has beyond one plain answer.

use harmonic_types::{Event, FinishReason, Prompt, Refused, ToolChoice};
use serde_json::{Value, json};

use crate::scripted::{Script, Scripted, calls, finished, text, within};
use crate::served::{Served, body, settings, shown};

/// Tools, as a client lists them.
fn tools() -> Value {
    let tool = |name| json!({"type": "function", "function": {"name": name}});
    json!([tool("find"), tool("now")])
}

#[tokio::test]
async fn calls_of_tools_in_a_stream() {
    let engine = Scripted::new(Script::Say(calls()));
    let served = Served::new(&engine).await;
    let request = body(&json!({"stream": true, "tools": tools(), "tool_choice": "required"}));
    let shown = shown(served.post(request).await).await;
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

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"content":"look"},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_0","type":"function","function":{"name":"find","arguments":""}}]},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"what\":"}}]},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"é\"}"}}]},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_1","type":"function","function":{"name":"now","arguments":""}}]},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

    data: [DONE]
    "#));
    let request = engine.submitted().await;
    assert_eq!(request.tool_choice, ToolChoice::Required);
    assert!(matches!(request.prompt, Prompt::Chat { tools, .. } if tools.len() == 2));
}

#[tokio::test]
async fn calls_of_tools_in_a_whole_answer() {
    let served = Served::new(&Scripted::new(Script::Say(calls()))).await;
    let shown = shown(served.post(body(&json!({"tools": tools()}))).await).await;
    settings().bind(|| insta::assert_snapshot!(shown, @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"id":"chatcmpl-ID","object":"chat.completion","created":TIME,"model":"coder","choices":[{"index":0,"message":{"role":"assistant","content":"look","tool_calls":[{"id":"call_0","type":"function","function":{"name":"find","arguments":"{\"what\":\"é\"}"}},{"id":"call_1","type":"function","function":{"name":"now","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":2}}}
    "#));
}

#[tokio::test]
async fn several_answers_in_a_stream() {
    let engine = Scripted::new(Script::Say(vec![text("hi"), finished(FinishReason::Stop)]));
    let served = Served::new(&engine).await;
    let request = json!({
        "stream": true, "n": 2, "seed": 7, "stream_options": {"include_usage": true},
    });
    let shown = shown(served.post(body(&request)).await).await;
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

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":1,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":1,"delta":{"content":"hi"},"finish_reason":null}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}

    data: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":TIME,"model":"coder","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":6,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2}}}

    data: [DONE]
    "#));
    assert_eq!(engine.submitted().await.seed, Some(8));
}

#[tokio::test]
async fn several_answers_in_a_document() {
    let script = vec![text("hi"), finished(FinishReason::Length)];
    let served = Served::new(&Scripted::new(Script::Say(script))).await;
    let response = served.post(body(&json!({"n": 16}))).await;
    let answer: Value = within(response.json()).await.expect("JSON");
    let indexes: Vec<u64> = answer["choices"]
        .as_array()
        .expect("choices")
        .iter()
        .map(|choice| {
            assert_eq!(choice["message"]["content"], "hi");
            choice["index"].as_u64().expect("a number")
        })
        .collect();
    assert_eq!(indexes, (0..16).collect::<Vec<_>>());
    assert_eq!(answer["usage"]["prompt_tokens"], 7);
    assert_eq!(answer["usage"]["completion_tokens"], 16 * 3);
}

#[tokio::test]
async fn one_answer_that_fails_ends_all() {
    let failed = Event::Failed { message: "the KV cache is full".to_owned() };
    let served = Served::new(&Scripted::new(Script::Say(vec![text("half"), failed]))).await;
    let response = served.post(body(&json!({"n": 3, "stream": true}))).await;
    let stream = within(response.text()).await.expect("a body");
    assert_eq!(stream.matches("the KV cache is full").count(), 1, "{stream}");
    assert!(!stream.contains("[DONE]"), "{stream}");
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_every_answer() {
    let engine = Scripted::new(Script::Follow(vec![text("one")]));
    let served = Served::new(&engine).await;
    let response = served.post(body(&json!({"stream": true, "n": 4}))).await;
    drop(response);
    engine.cancelled(4).await;
}

#[tokio::test]
async fn one_answer_that_is_refused_refuses_all() {
    let served = Served::new(&Scripted::new(Script::Refuse(Refused::Draining))).await;
    let response = served.post(body(&json!({"n": 3, "stream": true}))).await;
    assert_eq!(response.status(), 503);
}

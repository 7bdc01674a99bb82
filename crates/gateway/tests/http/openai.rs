//! OpenAI's dialect beyond one plain answer.

use harmonic_types::{Event, FinishReason, Prompt, Rejection, ToolChoice};
use serde_json::{Value, json};

use crate::scripted_engine::{Script, ScriptedEngine, answer, calls, finished, text, within};
use crate::test_server::{TestServer, body, settings, shown};

/// Tools, as a client lists them.
fn tools() -> Value {
    let tool = |name| json!({"type": "function", "function": {"name": name}});
    json!([tool("find"), tool("now")])
}

#[tokio::test]
async fn calls_of_tools_in_a_stream() {
    let engine = ScriptedEngine::new(Script::Emit(calls()));
    let server = TestServer::new(&engine).await;
    let request = body(&json!({"stream": true, "tools": tools(), "tool_choice": "required"}));
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
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(calls()))).await;
    let shown = shown(server.post(body(&json!({"tools": tools()}))).await).await;
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
    let engine = ScriptedEngine::new(Script::Emit(vec![text("hi"), finished(FinishReason::Stop)]));
    let server = TestServer::new(&engine).await;
    let request = json!({
        "stream": true, "n": 2, "seed": 7, "stream_options": {"include_usage": true},
    });
    let shown = shown(server.post(body(&request)).await).await;
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
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(script))).await;
    let response = server.post(body(&json!({"n": 16}))).await;
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
    let server =
        TestServer::new(&ScriptedEngine::new(Script::Emit(vec![text("half"), failed]))).await;
    let response = server.post(body(&json!({"n": 3, "stream": true}))).await;
    let stream = within(response.text()).await.expect("a body");
    assert_eq!(stream.matches("the KV cache is full").count(), 1, "{stream}");
    assert!(!stream.contains("[DONE]"), "{stream}");
}

#[tokio::test]
async fn a_client_that_disconnects_cancels_every_answer() {
    let engine = ScriptedEngine::new(Script::EmitAndWait(vec![text("one")]));
    let server = TestServer::new(&engine).await;
    let response = server.post(body(&json!({"stream": true, "n": 4}))).await;
    drop(response);
    engine.cancelled(4).await;
}

#[tokio::test]
async fn one_answer_that_is_refused_refuses_all() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Refuse(Rejection::Draining))).await;
    let response = server.post(body(&json!({"n": 3, "stream": true}))).await;
    assert_eq!(response.status(), 503);
}

#[tokio::test]
async fn a_text_is_continued() {
    let engine = ScriptedEngine::new(Script::Emit(answer()));
    let server = TestServer::new(&engine).await;
    let path = "/v1/completions";
    let body = |stream| {
        json!({"model": "coder", "prompt": ["hi"], "logprobs": 1, "stream": stream}).to_string()
    };
    let stream = shown(server.post_to(path, body(true)).await).await;
    assert_eq!(engine.submitted().await.prompt, Prompt::Text("hi".to_owned()));
    let whole = shown(server.post_to(path, body(false)).await).await;
    settings().bind(|| insta::assert_snapshot!([stream, whole].join("\n\n"), @r#"
    200 OK
    content-type: text/event-stream
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    data: {"id":"cmpl-ID","object":"text_completion","created":TIME,"model":"coder","choices":[{"text":"","reasoning_content":"hm","index":0,"logprobs":null,"finish_reason":null}]}

    data: {"id":"cmpl-ID","object":"text_completion","created":TIME,"model":"coder","choices":[{"text":"say \"é\"\n\\","index":0,"logprobs":{"tokens":[],"bytes":[],"token_logprobs":[],"top_logprobs":[],"text_offset":[]},"finish_reason":null}]}

    data: {"id":"cmpl-ID","object":"text_completion","created":TIME,"model":"coder","choices":[{"text":"","index":0,"logprobs":{"tokens":["bytes:\\xc3"],"bytes":[[195]],"token_logprobs":[-9999.0],"top_logprobs":[{"é":-0.5}],"text_offset":[0]},"finish_reason":null}]}

    data: {"id":"cmpl-ID","object":"text_completion","created":TIME,"model":"coder","choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}]}

    data: [DONE]



    200 OK
    content-type: application/json
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"id":"cmpl-ID","object":"text_completion","created":TIME,"model":"coder","choices":[{"text":"say \"é\"\n\\","reasoning_content":"hm","index":0,"logprobs":{"tokens":["bytes:\\xc3"],"bytes":[[195]],"token_logprobs":[-9999.0],"top_logprobs":[{"é":-0.5}],"text_offset":[0]},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":2}}}
    "#));
}

#[tokio::test]
async fn a_response_in_a_stream() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(answer()))).await;
    let body = json!({
        "model": "coder", "input": "hi", "stream": true, "include": ["message.output_text.logprobs"],
    });
    let shown = shown(server.post_to("/v1/responses", body.to_string()).await).await;
    settings().bind(|| insta::assert_snapshot!(shown, @r#"
    200 OK
    content-type: text/event-stream
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    event: response.created
    data: {"type":"response.created","response":{"id":"resp_ID","object":"response","created_at":TIME,"status":"in_progress","error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":"coder","output":[],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{},"store":false,"background":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_logprobs":null,"top_p":null,"truncation":"disabled","usage":null,"metadata":{}},"sequence_number":0}

    event: response.in_progress
    data: {"type":"response.in_progress","response":{"id":"resp_ID","object":"response","created_at":TIME,"status":"in_progress","error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":"coder","output":[],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{},"store":false,"background":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_logprobs":null,"top_p":null,"truncation":"disabled","usage":null,"metadata":{}},"sequence_number":1}

    event: response.output_item.added
    data: {"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_ID_0","summary":[],"content":[],"status":"in_progress"},"sequence_number":2}

    event: response.content_part.added
    data: {"type":"response.content_part.added","item_id":"rs_ID_0","output_index":0,"content_index":0,"part":{"type":"reasoning_text","text":""},"sequence_number":3}

    event: response.reasoning_text.delta
    data: {"type":"response.reasoning_text.delta","item_id":"rs_ID_0","output_index":0,"content_index":0,"delta":"hm","sequence_number":4}

    event: response.reasoning_text.done
    data: {"type":"response.reasoning_text.done","item_id":"rs_ID_0","output_index":0,"content_index":0,"text":"hm","sequence_number":5}

    event: response.content_part.done
    data: {"type":"response.content_part.done","item_id":"rs_ID_0","output_index":0,"content_index":0,"part":{"type":"reasoning_text","text":"hm"},"sequence_number":6}

    event: response.output_item.done
    data: {"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs_ID_0","summary":[],"content":[{"type":"reasoning_text","text":"hm"}],"status":"completed"},"sequence_number":7}

    event: response.output_item.added
    data: {"type":"response.output_item.added","output_index":1,"item":{"type":"message","id":"msg_ID_1","status":"in_progress","role":"assistant","content":[]},"sequence_number":8}

    event: response.content_part.added
    data: {"type":"response.content_part.added","item_id":"msg_ID_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"","annotations":[],"logprobs":[]},"sequence_number":9}

    event: response.output_text.delta
    data: {"type":"response.output_text.delta","item_id":"msg_ID_1","output_index":1,"content_index":0,"delta":"say \"é\"\n\\","logprobs":[],"sequence_number":10}

    event: response.output_text.delta
    data: {"type":"response.output_text.delta","item_id":"msg_ID_1","output_index":1,"content_index":0,"delta":"","logprobs":[{"token":"�","logprob":-9999.0,"bytes":[195],"top_logprobs":[{"token":"é","logprob":-0.5,"bytes":[195,169]}]}],"sequence_number":11}

    event: response.output_text.done
    data: {"type":"response.output_text.done","item_id":"msg_ID_1","output_index":1,"content_index":0,"text":"say \"é\"\n\\","logprobs":[{"token":"�","logprob":-9999.0,"bytes":[195],"top_logprobs":[{"token":"é","logprob":-0.5,"bytes":[195,169]}]}],"sequence_number":12}

    event: response.content_part.done
    data: {"type":"response.content_part.done","item_id":"msg_ID_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"say \"é\"\n\\","annotations":[],"logprobs":[{"token":"�","logprob":-9999.0,"bytes":[195],"top_logprobs":[{"token":"é","logprob":-0.5,"bytes":[195,169]}]}]},"sequence_number":13}

    event: response.output_item.done
    data: {"type":"response.output_item.done","output_index":1,"item":{"type":"message","id":"msg_ID_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"say \"é\"\n\\","annotations":[],"logprobs":[{"token":"�","logprob":-9999.0,"bytes":[195],"top_logprobs":[{"token":"é","logprob":-0.5,"bytes":[195,169]}]}]}]},"sequence_number":14}

    event: response.completed
    data: {"type":"response.completed","response":{"id":"resp_ID","object":"response","created_at":TIME,"status":"completed","error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":"coder","output":[{"type":"reasoning","id":"rs_ID_0","summary":[],"content":[{"type":"reasoning_text","text":"hm"}],"status":"completed"},{"type":"message","id":"msg_ID_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"say \"é\"\n\\","annotations":[],"logprobs":[{"token":"�","logprob":-9999.0,"bytes":[195],"top_logprobs":[{"token":"é","logprob":-0.5,"bytes":[195,169]}]}]}]}],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{},"store":false,"background":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_logprobs":null,"top_p":null,"truncation":"disabled","usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":2},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":10},"metadata":{}},"sequence_number":15}
    "#));
}

#[tokio::test]
async fn a_response_that_calls_tools() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(calls()))).await;
    let body = |stream| {
        json!({
            "model": "coder", "input": "hi", "stream": stream, "instructions": "be brief",
            "tools": [{"type": "function", "name": "find", "strict": true}],
            "tool_choice": {"type": "function", "name": "find"},
        })
        .to_string()
    };
    let whole = shown(server.post_to("/v1/responses", body(false)).await).await;
    let stream = shown(server.post_to("/v1/responses", body(true)).await).await;
    settings().bind(|| insta::assert_snapshot!([whole, stream].join("\n\n"), @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    {"id":"resp_ID","object":"response","created_at":TIME,"status":"completed","error":null,"incomplete_details":null,"instructions":"be brief","max_output_tokens":null,"model":"coder","output":[{"type":"message","id":"msg_ID_0","status":"completed","role":"assistant","content":[{"type":"output_text","text":"look","annotations":[],"logprobs":[]}]},{"type":"function_call","id":"fc_ID_1","call_id":"call_0","name":"find","arguments":"{\"what\":\"é\"}","status":"completed"},{"type":"function_call","id":"fc_ID_2","call_id":"call_1","name":"now","arguments":"{}","status":"completed"}],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{},"store":false,"background":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":{"type":"function","name":"find"},"tools":[{"type":"function","name":"find","strict":true}],"top_logprobs":null,"top_p":null,"truncation":"disabled","usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":2},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":10},"metadata":{}}

    200 OK
    content-type: text/event-stream
    cache-control: no-cache
    x-accel-buffering: no
    x-request-id: req-ID
    x-harmonic-agent: coder
    x-harmonic-slot: 3
    x-harmonic-queue-ms: 12

    event: response.created
    data: {"type":"response.created","response":{"id":"resp_ID","object":"response","created_at":TIME,"status":"in_progress","error":null,"incomplete_details":null,"instructions":"be brief","max_output_tokens":null,"model":"coder","output":[],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{},"store":false,"background":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":{"type":"function","name":"find"},"tools":[{"type":"function","name":"find","strict":true}],"top_logprobs":null,"top_p":null,"truncation":"disabled","usage":null,"metadata":{}},"sequence_number":0}

    event: response.in_progress
    data: {"type":"response.in_progress","response":{"id":"resp_ID","object":"response","created_at":TIME,"status":"in_progress","error":null,"incomplete_details":null,"instructions":"be brief","max_output_tokens":null,"model":"coder","output":[],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{},"store":false,"background":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":{"type":"function","name":"find"},"tools":[{"type":"function","name":"find","strict":true}],"top_logprobs":null,"top_p":null,"truncation":"disabled","usage":null,"metadata":{}},"sequence_number":1}

    event: response.output_item.added
    data: {"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_ID_0","status":"in_progress","role":"assistant","content":[]},"sequence_number":2}

    event: response.content_part.added
    data: {"type":"response.content_part.added","item_id":"msg_ID_0","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[],"logprobs":[]},"sequence_number":3}

    event: response.output_text.delta
    data: {"type":"response.output_text.delta","item_id":"msg_ID_0","output_index":0,"content_index":0,"delta":"look","logprobs":[],"sequence_number":4}

    event: response.output_text.done
    data: {"type":"response.output_text.done","item_id":"msg_ID_0","output_index":0,"content_index":0,"text":"look","logprobs":[],"sequence_number":5}

    event: response.content_part.done
    data: {"type":"response.content_part.done","item_id":"msg_ID_0","output_index":0,"content_index":0,"part":{"type":"output_text","text":"look","annotations":[],"logprobs":[]},"sequence_number":6}

    event: response.output_item.done
    data: {"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"msg_ID_0","status":"completed","role":"assistant","content":[{"type":"output_text","text":"look","annotations":[],"logprobs":[]}]},"sequence_number":7}

    event: response.output_item.added
    data: {"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"fc_ID_1","call_id":"call_0","name":"find","arguments":"","status":"in_progress"},"sequence_number":8}

    event: response.function_call_arguments.delta
    data: {"type":"response.function_call_arguments.delta","item_id":"fc_ID_1","output_index":1,"delta":"{\"what\":","sequence_number":9}

    event: response.function_call_arguments.delta
    data: {"type":"response.function_call_arguments.delta","item_id":"fc_ID_1","output_index":1,"delta":"\"é\"}","sequence_number":10}

    event: response.function_call_arguments.done
    data: {"type":"response.function_call_arguments.done","item_id":"fc_ID_1","output_index":1,"name":"find","arguments":"{\"what\":\"é\"}","sequence_number":11}

    event: response.output_item.done
    data: {"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"fc_ID_1","call_id":"call_0","name":"find","arguments":"{\"what\":\"é\"}","status":"completed"},"sequence_number":12}

    event: response.output_item.added
    data: {"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","id":"fc_ID_2","call_id":"call_1","name":"now","arguments":"","status":"in_progress"},"sequence_number":13}

    event: response.function_call_arguments.delta
    data: {"type":"response.function_call_arguments.delta","item_id":"fc_ID_2","output_index":2,"delta":"{}","sequence_number":14}

    event: response.function_call_arguments.done
    data: {"type":"response.function_call_arguments.done","item_id":"fc_ID_2","output_index":2,"name":"now","arguments":"{}","sequence_number":15}

    event: response.output_item.done
    data: {"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","id":"fc_ID_2","call_id":"call_1","name":"now","arguments":"{}","status":"completed"},"sequence_number":16}

    event: response.completed
    data: {"type":"response.completed","response":{"id":"resp_ID","object":"response","created_at":TIME,"status":"completed","error":null,"incomplete_details":null,"instructions":"be brief","max_output_tokens":null,"model":"coder","output":[{"type":"message","id":"msg_ID_0","status":"completed","role":"assistant","content":[{"type":"output_text","text":"look","annotations":[],"logprobs":[]}]},{"type":"function_call","id":"fc_ID_1","call_id":"call_0","name":"find","arguments":"{\"what\":\"é\"}","status":"completed"},{"type":"function_call","id":"fc_ID_2","call_id":"call_1","name":"now","arguments":"{}","status":"completed"}],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{},"store":false,"background":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":{"type":"function","name":"find"},"tools":[{"type":"function","name":"find","strict":true}],"top_logprobs":null,"top_p":null,"truncation":"disabled","usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":2},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":10},"metadata":{}},"sequence_number":17}
    "#));
}

#[tokio::test]
async fn an_incomplete_or_failed_response_has_its_status() {
    let failed = Event::Failed { message: "the KV cache is full".to_owned() };
    let mut all = Vec::new();
    for last in [finished(FinishReason::Length), failed] {
        let server =
            TestServer::new(&ScriptedEngine::new(Script::Emit(vec![text("half"), last]))).await;
        let body = json!({"model": "coder", "input": "hi", "stream": true}).to_string();
        let stream = shown(server.post_to("/v1/responses", body).await).await;
        all.push(stream.trim_end().lines().last().expect("events").to_owned());
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    data: {"type":"response.incomplete","response":{"id":"resp_ID","object":"response","created_at":TIME,"status":"incomplete","error":null,"incomplete_details":{"reason":"max_output_tokens"},"instructions":null,"max_output_tokens":null,"model":"coder","output":[{"type":"message","id":"msg_ID_0","status":"incomplete","role":"assistant","content":[{"type":"output_text","text":"half","annotations":[],"logprobs":[]}]}],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{},"store":false,"background":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_logprobs":null,"top_p":null,"truncation":"disabled","usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":2},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":10},"metadata":{}},"sequence_number":8}

    data: {"type":"response.failed","response":{"id":"resp_ID","object":"response","created_at":TIME,"status":"failed","error":{"code":"server_error","message":"the engine failed: the KV cache is full"},"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":"coder","output":[{"type":"message","id":"msg_ID_0","status":"incomplete","role":"assistant","content":[{"type":"output_text","text":"half","annotations":[],"logprobs":[]}]}],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{},"store":false,"background":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_logprobs":null,"top_p":null,"truncation":"disabled","usage":null,"metadata":{}},"sequence_number":8}
    "#));
}

#[tokio::test]
async fn a_known_and_an_unknown_model() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let mut all = Vec::new();
    for path in ["/v1/models/coder", "/v1/models/nobody", "/v1/models/%ff"] {
        all.push(shown(server.get(path).await).await);
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    200 OK
    content-type: application/json
    x-request-id: req-ID

    {"id":"coder","object":"model","created":TIME,"owned_by":"harmonic","role":"the coder","model":"smollm2:135m","context":2048}

    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"unknown agent `nobody`: expected one of executive, coder","type":"invalid_request_error","param":"model","code":"model_not_found"}}

    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"unknown path /v1/models/%ff: /openapi.json lists the paths","type":"invalid_request_error","param":null,"code":"not_found"}}
    "#));
}

#[tokio::test]
async fn embeddings_of_an_agent_that_has_none_are_refused() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let mut all = Vec::new();
    for (path, body) in [
        ("/v1/embeddings", json!({"model": "coder", "input": "hi"})),
        ("/v1/embeddings", json!({"model": "nobody", "input": "hi"})),
        ("/v1/embeddings", json!({"model": "coder", "input": 7})),
        ("/api/embed", json!({"model": "coder:latest", "input": ["hi"]})),
        ("/api/embeddings", json!({"model": "coder", "prompt": "hi"})),
    ] {
        all.push(shown(server.post_to(path, body.to_string()).await).await);
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n"), @r#"
    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"coder cannot compute embeddings: its model smollm2:135m generates text; start the server with `harmonic up --embedding`, or add an agent `like = \"embedding\"` to its stack file","type":"invalid_request_error","param":"model","code":"unsupported"}}

    404 Not Found
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"unknown agent `nobody`: expected one of executive, coder","type":"invalid_request_error","param":"model","code":"model_not_found"}}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":{"message":"`input` must be a text, a list of texts, or the token ids of one or several; none of them empty","type":"invalid_request_error","param":"input","code":"invalid_value"}}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":"coder cannot compute embeddings: its model smollm2:135m generates text; start the server with `harmonic up --embedding`, or add an agent `like = \"embedding\"` to its stack file"}

    400 Bad Request
    content-type: application/json
    x-request-id: req-ID

    {"error":"coder cannot compute embeddings: its model smollm2:135m generates text; start the server with `harmonic up --embedding`, or add an agent `like = \"embedding\"` to its stack file"}
    "#));
}

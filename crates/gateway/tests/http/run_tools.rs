//! Tools of runs over HTTP: what a body may say of them, and the calls of a client's own tools.

use futures::StreamExt;
use harmonic_api::runs::{AnswerToolCall, ToolCallEvent};
use harmonic_api::{Client, ClientError};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fake_runs::id;
use crate::run_header::token;
use crate::runs::{goal, refused, request, server};
use crate::scripted_engine::within;

fn tool(name: &str) -> Value {
    json!({"name": name, "description": "", "input_schema": {}, "effects": "read_only"})
}

#[tokio::test]
async fn a_body_names_tools_and_defines_none_of_the_server() {
    let (runs, server) = server().await;
    let with = |field: &str, value: Value| {
        let mut body = tool("a");
        body[field] = value;
        json!({"goal": "x", "client_tools": [body]})
    };
    let wide = json!({"properties": {"a": {"description": "x".repeat(50 << 10)}}});
    let many: Vec<Value> = (0..129).map(|number| tool(&format!("t{number}"))).collect();
    let large: Vec<Value> = (0..6)
        .map(|number| {
            let mut tool = tool(&format!("t{number}"));
            tool["input_schema"] = wide.clone();
            tool
        })
        .collect();
    let mut said = Vec::new();
    for body in [
        json!({"goal": "x", "tools": {"mcpServers": {"a": {"command": "sh"}}}}),
        json!({"goal": "x", "tools": [{"command": "sh"}]}),
        json!({"goal": "x", "tools": ["a/b"]}),
        json!({"goal": "x", "tools": ["a", "a"]}),
        json!({"goal": "x", "tools": vec!["a"; 17]}),
        json!({"goal": "x", "mcpServers": {"a": {"command": "sh"}}}),
        json!({"goal": "x", "workspace": "/etc"}),
        json!({"goal": "x", "workspace": "../up"}),
        json!({"goal": "x", "workspace": {"path": "/etc"}}),
        json!({"goal": "x", "allow_run": true}),
        json!({"goal": "x", "grant": ["workspace.run"]}),
        json!({"goal": "x", "seed": -1}),
        json!({"goal": "x", "client_tools": "mcp.json"}),
        json!({"goal": "x", "client_tools": many}),
        json!({"goal": "x", "client_tools": large}),
        json!({"goal": "x", "client_tools": [tool("a"), tool("a")]}),
        with("name", json!("a b")),
        with("name", json!("")),
        with("name", json!("n".repeat(65))),
        with("name", json!("artifact.read")),
        with("name", json!("team.split")),
        with("description", json!("d".repeat(4097))),
        with("description", json!("a\u{0}")),
        with("input_schema", json!("object")),
        with("effects", json!("harmless")),
        with("command", json!("rm -rf /")),
        with("url", json!("http://127.0.0.1:1")),
    ] {
        let response = request(&server, Method::POST, "/runs", &body.to_string()).await;
        let (status, code, message) = refused(response).await;
        assert_eq!(status, 400, "{message}");
        let mut sent = body.to_string();
        sent.truncate(sent.floor_char_boundary(72));
        said.push(format!("{sent}\n    {code}: {message}"));
    }
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(runs.asked.lock().expect("no panic").len(), 0);
    let body = json!({"goal": "x", "tools": ["web"], "workspace": "site", "seed": u64::MAX,
        "client_tools": [tool("fs.read")]});
    let response = request(&server, Method::POST, "/runs", &body.to_string()).await;
    assert_eq!(response.status(), 201);
    let asked = runs.asked.lock().expect("no panic")[0].clone();
    assert_eq!((asked.tools.sets, asked.seed), (vec!["web".to_owned()], Some(u64::MAX)));
    assert_eq!(asked.tools.workspace.as_deref(), Some("site"));
    assert_eq!(asked.tools.client[0].name, "fs.read");
}

#[tokio::test]
async fn the_client_reads_calls_and_answers_each_once() {
    let (runs, server) = server().await;
    let client = Client::new(&server.url).expect("a client");
    within(client.create_run(&goal("x"))).await.expect("a run");
    let tools = within(client.run_tools(&id(0))).await.expect("the tools");
    assert_eq!(tools.of_client().collect::<Vec<_>>(), ["fs.read"]);
    let calls = within(client.tool_calls(&id(0), "test", Some(&token()))).await;
    let calls = calls.expect("a stream");
    assert_eq!(runs.offered.lock().expect("no panic").as_slice(), [Some(token())]);
    let events: Vec<_> = within(calls.map(|event| event.expect("whole")).collect()).await;
    assert_eq!(events[0], ToolCallEvent::Tools { names: vec!["fs.read".to_owned()] });
    let ToolCallEvent::Call(call) = &events[1] else { panic!("a call: {events:?}") };
    assert_eq!(events[2], ToolCallEvent::Cancelled { call: call.call.clone() });
    assert_eq!(events.len(), 3, "the end is no event");
    let answer = AnswerToolCall { text: Some("here".to_owned()), ..AnswerToolCall::default() };
    within(client.answer_tool_call(&id(0), &call.call, &answer)).await.expect("taken");
    let again = within(client.answer_tool_call(&id(0), &call.call, &answer)).await;
    assert!(matches!(again, Err(ClientError::Status { status: 409, .. })), "{again:?}");
}

#[tokio::test]
async fn answers_are_read_strictly_and_within_bounds() {
    let (_, server) = server().await;
    let client = Client::new(&server.url).expect("a client");
    within(client.create_run(&goal("x"))).await.expect("a run");
    let path = format!("/runs/{}/tool-calls", id(0));
    for body in [
        "",
        "{}",
        "[]",
        r#"{"text": 5}"#,
        r#"{"text": "a", "refused": "b"}"#,
        r#"{"text": "a", "command": "sh"}"#,
        r#"{"unknown": "a", "is_error": true}"#,
    ] {
        let response = request(&server, Method::POST, &format!("{path}/c1"), body).await;
        assert_eq!(response.status(), 400, "{body}");
    }
    let huge = json!({"text": "x".repeat(50 << 20)}).to_string();
    let response = request(&server, Method::POST, &format!("{path}/c1"), &huge).await;
    assert_eq!(refused(response).await.1, "body_too_large");
    let long = "c".repeat(5000);
    for call in ["c2", "..%2Fx", "%00", long.as_str()] {
        let response =
            request(&server, Method::POST, &format!("{path}/{call}"), r#"{"text": "a"}"#).await;
        let (status, code, message) = refused(response).await;
        assert_eq!((status, code.as_str()), (404, "tool_call_not_found"), "{call}");
        assert!(message.len() < 200, "{message}");
    }
    let response = request(&server, Method::HEAD, &path, "").await;
    assert_eq!(response.status(), 200);
    for query in ["process=", "process=a%20b", "process=a&b=c", "x", &format!("process={long}")] {
        let response = request(&server, Method::GET, &format!("{path}?{query}"), "").await;
        assert_eq!(response.status(), 400, "{query}");
    }
}

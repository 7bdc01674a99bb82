//! Requests of `open-webui` 0.12.4 as its `routers/ollama.py` and `routers/openai.py` send them,
//! and the fields of the answers that these read.

use harmonic_types::Role;
use serde_json::{Value, json};

use crate::scripted_engine::{Script, ScriptedEngine, answer, calls, within};
use crate::test_server::{TestServer, body};

async fn json_of(response: reqwest::Response) -> Value {
    assert_eq!(response.status(), 200);
    within(response.json()).await.expect("JSON")
}

/// Lines of a stream, which it parses one by one.
async fn lines_of(response: reqwest::Response) -> Vec<Value> {
    assert_eq!(response.status(), 200);
    let body = within(response.text()).await.expect("a whole body");
    body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test]
async fn it_lists_and_shows_agents() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let version = json_of(server.get("/api/version").await).await;
    let version = version["version"].as_str().expect("text");
    assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
    let tags = json_of(server.get("/api/tags").await).await;
    let ps = json_of(server.get("/api/ps").await).await;
    let of = |list: &Value| list["models"].as_array().expect("a list").clone();
    for (listed, running) in of(&tags).iter().zip(of(&ps)) {
        assert!(listed["name"].is_string() && listed["details"].is_object(), "{listed}");
        assert_eq!(listed["model"], running["model"]);
        // Parsed as a time, to show when it is unloaded.
        assert_eq!(running["expires_at"], "2318-01-01T00:00:00Z");
    }
    // It sends both names.
    let show = json!({"name": "coder", "model": "coder"});
    let shown = json_of(server.post_to("/api/show", show.to_string()).await).await;
    assert!(shown["capabilities"].is_array(), "{shown}");
    let models = json_of(server.get("/v1/models").await).await;
    assert_eq!(models["data"][1]["id"], "coder");
}

#[tokio::test]
async fn it_chats_with_tools_in_ollamas_dialect() {
    let engine = ScriptedEngine::new(Script::Emit(calls()));
    let server = TestServer::new(&engine).await;
    let tools = json!([{"type": "function", "function": {
        "name": "find", "description": "Finds.",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
    }}]);
    let chat = json!({
        "model": "coder", "stream": true, "tools": tools, "keep_alive": "5m", "think": false,
        "options": {"temperature": 0.5, "num_ctx": 2048, "num_predict": 128, "stop": ["END"]},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Find it."},
            {"role": "assistant", "content": "", "tool_calls": [
                {"index": 0, "id": "call_1", "function": {"name": "find", "arguments": {"what": "it"}}},
            ]},
            {"role": "tool", "content": "here", "tool_call_id": "call_1"},
            // Its form of a message with empty parts.
            {"role": "assistant"},
            {"role": "user", "content": "Again."},
        ],
    });
    let response = server.post_to("/api/chat", chat.to_string()).await;
    assert_eq!(response.headers()["x-harmonic-ignored"], "options.num_ctx");
    let lines = lines_of(response).await;
    let called: Vec<&Value> = lines
        .iter()
        .filter_map(|line| line["message"]["tool_calls"].as_array())
        .flatten()
        .collect();
    assert_eq!(
        called[0]["function"],
        json!({"index": 0, "name": "find", "arguments": {"what": "é"}})
    );
    assert_eq!(called[1]["function"]["index"], 1);
    let last = lines.last().expect("a last line");
    assert_eq!(last["done"], true);
    for figure in ["prompt_eval_count", "eval_count", "total_duration", "eval_duration"] {
        assert!(last[figure].is_u64(), "{figure}: {last}");
    }
    let roles: Vec<Role> =
        engine.submitted().await.prompt.messages().iter().map(|message| message.role).collect();
    let (user, assistant) = (Role::User, Role::Assistant);
    assert_eq!(roles, [Role::System, user, assistant, Role::Tool, assistant, user]);
}

#[tokio::test]
async fn it_chats_and_asks_for_titles_in_openais_dialect() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(answer()))).await;
    let patch = json!({"stream": true, "stream_options": {"include_usage": true}});
    let url = format!("{}/v1/chat/completions", server.url);
    let chat = server.http.post(url).bearer_auth("any").header("x-openwebui-user-name", "Ada");
    let streamed = within(chat.body(body(&patch)).send()).await.expect("an answer");
    let streamed = within(streamed.text()).await.expect("a whole body");
    assert!(streamed.contains(r#""prompt_tokens":7"#), "{streamed}");
    assert!(streamed.ends_with("data: [DONE]\n\n"), "{streamed}");
    let title = json!({"stream": false, "max_completion_tokens": 1000, "reasoning_effort": "low"});
    let title = json_of(server.post(body(&title)).await).await;
    assert!(title["choices"][0]["message"]["content"].is_string(), "{title}");
}

#[tokio::test]
async fn its_button_to_unload_a_model_gets_an_explained_error() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let unload = json!({"model": "coder", "keep_alive": 0, "prompt": ""});
    let response = server.post_to("/api/generate", unload.to_string()).await;
    assert_eq!(response.status(), 400);
    let reply: Value = within(response.json()).await.expect("JSON");
    assert!(reply["error"].as_str().is_some_and(|error| error.contains("loaded")), "{reply}");
}

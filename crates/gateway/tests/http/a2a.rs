//! A2A: the card, the methods over runs, and what strangers send.

use std::sync::Arc;

use harmonic_api::runs::{RunApproach, RunMode};
use harmonic_engine::Engine;
use harmonic_gateway::{
    Access, AgentInfo, ApiKey, Config, Fingerprint, Keys, ModelRegistry, RegisteredAgent,
};
use harmonic_orchestrator::AskPolicy;
use harmonic_types::Tokens;
use serde_json::{Value, json};

use crate::fake_runs::{FakeRuns, id};
use crate::scripted_engine::{Script, ScriptedEngine, within};
use crate::test_server::TestServer;

async fn server_with(access: Access) -> (Arc<FakeRuns>, TestServer) {
    let runs = Arc::new(FakeRuns::default());
    let engine = ScriptedEngine::new(Script::Queue);
    let agents = [
        ("coder", None),
        ("team", Some(RunApproach::Mode(RunMode::Auto))),
        ("team:split", Some(RunApproach::Recipe("split".to_owned()))),
    ];
    let agents = agents.map(|(name, team)| RegisteredAgent {
        name: name.into(),
        role: format!("the {name}"),
        model: "smollm2:135m".to_owned(),
        context: Tokens(2048),
        info: AgentInfo::default(),
        engine: Arc::clone(&engine) as Arc<dyn Engine>,
        team,
    });
    let models = ModelRegistry::new(agents.into()).expect("unique names");
    let models = models.with_runs(Arc::clone(&runs) as _);
    (runs, TestServer::with_access(access, models, Config::default()).await)
}

async fn server() -> (Arc<FakeRuns>, TestServer) {
    server_with(Access::default()).await
}

fn access_with_keys() -> Access {
    let key = |name: &str| ApiKey {
        name: name.to_owned(),
        fingerprint: Fingerprint::of(name),
        per_minute: None,
        may_approve_commands: false,
    };
    let keys: Arc<Keys> = Arc::new(Keys::new(["ada", "bob"].map(key)));
    Access { keys: Some(Arc::new(keys)), ..Access::default() }
}

async fn post(server: &TestServer, key: Option<&str>, body: String) -> reqwest::Response {
    let request = server.http.post(format!("{}/a2a", server.url)).header("a2a-version", "1.0");
    let request = match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    };
    within(request.body(body).send()).await.expect("an answer")
}

fn request(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": params}).to_string()
}

/// The response to a call.
async fn call(server: &TestServer, key: Option<&str>, method: &str, params: Value) -> Value {
    let response = post(server, key, request(method, &params)).await;
    assert_eq!(response.status(), 200, "{method}");
    let document: Value = within(response.json()).await.expect("JSON");
    assert_eq!((&document["jsonrpc"], &document["id"]), (&json!("2.0"), &json!("q")));
    document
}

fn message(text: &str) -> Value {
    json!({"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": text}]})
}

fn sent(text: &str) -> Value {
    json!({"message": message(text), "configuration": {"returnImmediately": true}})
}

#[tokio::test]
async fn the_card_has_the_teams_skills_the_address_and_the_way_to_authenticate() {
    let (_, open) = server().await;
    let card: Value =
        within(open.get("/.well-known/agent-card.json").await.json()).await.expect("JSON");
    let skills = card["skills"].as_array().expect("skills").iter();
    let skills: Vec<&str> = skills.map(|skill| skill["id"].as_str().expect("an id")).collect();
    assert_eq!(skills, ["team", "team:split"]);
    assert_eq!(card["supportedInterfaces"][0]["url"], format!("{}/a2a", open.url));
    assert_eq!(card["supportedInterfaces"][0]["protocolVersion"], "1.0");
    assert_eq!(card.get("securitySchemes"), None);

    let (_, locked) = server_with(access_with_keys()).await;
    let url = format!("{}/.well-known/agent-card.json", locked.url);
    assert_eq!(locked.get("/.well-known/agent-card.json").await.status(), 401);
    let card = within(locked.http.get(url).bearer_auth("ada").send()).await.expect("an answer");
    let card: Value = within(card.json()).await.expect("JSON");
    assert_eq!(card["securitySchemes"]["bearer"]["httpAuthSecurityScheme"]["scheme"], "Bearer");
    assert_eq!(card["securityRequirements"][0]["schemes"], json!({"bearer": {"list": []}}));
}

#[tokio::test]
async fn a_task_is_a_run_that_asks_nobody() {
    let (runs, server) = server().await;
    let begun = call(&server, None, "SendMessage", sent("write a poem")).await;
    let task = &begun["result"]["task"];
    assert_eq!((&task["id"], &task["contextId"]), (&json!(id(0)), &json!(id(0))));
    assert_eq!(task["status"]["state"], "TASK_STATE_INPUT_REQUIRED");
    assert_eq!(task["history"][0]["parts"][0]["text"], "write a poem");
    let mut of_skill = sent("write another");
    of_skill["metadata"] = json!({"skill": "team:split"});
    call(&server, None, "SendMessage", of_skill).await;
    let asked = runs.asked.lock().expect("no panic").clone();
    assert_eq!(asked[0].approach, RunApproach::Mode(RunMode::Auto));
    assert_eq!(asked[1].approach, RunApproach::Recipe("split".to_owned()));
    assert!(asked.iter().all(|run| run.ask == AskPolicy::Never));

    let shown = call(&server, None, "GetTask", json!({"id": id(0), "historyLength": 0})).await;
    assert_eq!(shown["result"]["id"], json!(id(0)));
    assert_eq!(shown["result"].get("history"), None);
    let cancelled = call(&server, None, "CancelTask", json!({"id": id(0)})).await;
    assert_eq!(cancelled["result"]["status"]["state"], "TASK_STATE_CANCELED");
    let twice = call(&server, None, "CancelTask", json!({"id": id(0)})).await;
    assert_eq!(twice["error"]["code"], -32002);
    let ended = call(&server, None, "SubscribeToTask", json!({"id": id(0)})).await;
    assert_eq!(ended["error"]["code"], -32004);
}

#[tokio::test]
async fn tasks_are_listed_newest_first_page_by_page() {
    let (_, server) = server().await;
    for n in 0..3 {
        call(&server, None, "SendMessage", sent(&format!("task {n}"))).await;
    }
    call(&server, None, "CancelTask", json!({"id": id(1)})).await;
    let ids = |list: &Value| -> Vec<String> {
        let tasks = list["result"]["tasks"].as_array().expect("tasks").iter();
        tasks.map(|task| task["id"].as_str().expect("an id").to_owned()).collect()
    };
    let first = call(&server, None, "ListTasks", json!({"pageSize": 2})).await;
    assert_eq!(ids(&first), [id(2).0, id(1).0]);
    assert_eq!(first["result"]["totalSize"], 3);
    let token = &first["result"]["nextPageToken"];
    let second = call(&server, None, "ListTasks", json!({"pageSize": 2, "pageToken": token})).await;
    assert_eq!(ids(&second), [id(0).0]);
    assert_eq!(second["result"]["nextPageToken"], "");
    let state = json!({"status": "TASK_STATE_CANCELED"});
    assert_eq!(ids(&call(&server, None, "ListTasks", state).await), [id(1).0]);
    let none = call(&server, None, "ListTasks", json!({"status": "TASK_STATE_REJECTED"})).await;
    assert_eq!(none["result"]["tasks"], json!([]));
}

#[tokio::test]
async fn a_stream_begins_with_the_task_and_has_the_answer_in_parts() {
    let (_, server) = server().await;
    let response = post(&server, None, request("SendStreamingMessage", &sent("poem"))).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = within(response.text()).await.expect("a whole stream");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let results: Vec<Value> = data
        .map(|data| serde_json::from_str::<Value>(data).expect("JSON")["result"].clone())
        .collect();
    assert_eq!(results[0]["task"]["id"], json!(id(0)));
    let part = |n: usize| &results[n]["artifactUpdate"];
    assert_eq!(part(1)["artifact"]["parts"][0]["text"], "hé\nllo");
    assert_eq!((&part(1)["append"], &part(2)["append"]), (&json!(false), &json!(true)));
    // The run still waits: its stream was broken off, without a last state.
    assert_eq!(results.len(), 4);
}

#[tokio::test]
async fn what_is_no_call_is_an_error_of_its_kind() {
    let (runs, server) = server().await;
    for (body, code) in [
        ("{".to_owned(), -32700),
        ("[]".to_owned(), -32600),
        ("null".to_owned(), -32600),
        (r#"{"jsonrpc": "2.0", "method": "GetTask"}"#.to_owned(), -32600),
        (r#"{"jsonrpc": "2.0", "id": {}, "method": "GetTask"}"#.to_owned(), -32600),
        (r#"{"jsonrpc": "1.0", "id": 1, "method": "GetTask"}"#.to_owned(), -32600),
        (r#"{"jsonrpc": "2.0", "id": 1, "method": 7}"#.to_owned(), -32600),
        (r#"{"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": []}"#.to_owned(), -32602),
        (request("message/send", &sent("x")), -32601),
        (request("GetTask", &json!({})), -32602),
        (request("GetTask", &json!({"id": 7})), -32602),
        (request("GetTask", &json!({"id": "../../etc/passwd"})), -32001),
        (request("GetTask", &json!({"id": id(7)})), -32001),
        (request("CancelTask", &json!({"id": id(7)})), -32001),
        (request("SubscribeToTask", &json!({"id": id(7)})), -32001),
        (request("ListTasks", &json!({"pageSize": 0})), -32602),
        (request("ListTasks", &json!({"pageToken": "x"})), -32602),
        (request("GetExtendedAgentCard", &json!({})), -32004),
        (request("CreateTaskPushNotificationConfig", &json!({"url": "http://x"})), -32003),
        (request("SendMessage", &json!({})), -32602),
        (request("SendMessage", &json!({"message": message("")})), -32602),
        (request("SendMessage", &json!({"message": message("a\u{0}b")})), -32602),
    ] {
        let response = post(&server, None, body.clone()).await;
        assert_eq!(response.status(), 200, "{body}");
        let document: Value = within(response.json()).await.expect("JSON");
        assert_eq!(document["error"]["code"], code, "{body}: {document}");
    }
    let with = |field: &str, value: Value| {
        let mut message = message("x");
        message[field] = value;
        json!({"message": message})
    };
    for (params, code) in [
        (with("role", json!("ROLE_AGENT")), -32602),
        (with("parts", json!([])), -32602),
        (with("parts", json!([{}])), -32602),
        (with("parts", json!([{"url": "file:///etc/passwd"}])), -32005),
        (with("parts", json!([{"raw": "aGk="}])), -32005),
        (with("parts", json!([{"text": "x", "data": {}}])), -32005),
        (with("contextId", json!("mine")), -32602),
        (with("taskId", json!(id(7))), -32001),
        (with("metadata", json!({"skill": "team:none"})), -32602),
        (with("metadata", json!({"skill": 7})), -32602),
        (
            json!({"message": message("x"), "configuration": {"acceptedOutputModes": ["image/png"]}}),
            -32005,
        ),
        (
            json!({"message": message("x"),
                   "configuration": {"taskPushNotificationConfig": {"url": "http://x"}}}),
            -32003,
        ),
    ] {
        let document = call(&server, None, "SendMessage", params.clone()).await;
        assert_eq!(document["error"]["code"], code, "{params}: {document}");
    }
    assert!(runs.asked.lock().expect("no panic").is_empty(), "none of them began a run");
}

#[tokio::test]
async fn another_version_of_the_protocol_is_refused_with_the_one_that_is_spoken() {
    let (_, server) = server().await;
    let body = request("GetTask", &json!({"id": id(7)}));
    for (version, code) in [
        (None, -32009),
        (Some(""), -32009),
        (Some("0.3"), -32009),
        (Some("2.0"), -32009),
        (Some("1.0"), -32001),
        (Some("1.0.3"), -32001),
    ] {
        let request = server.http.post(format!("{}/a2a", server.url)).body(body.clone());
        let request = match version {
            Some(version) => request.header("a2a-version", version),
            None => request,
        };
        let response = within(request.send()).await.expect("an answer");
        let document: Value = within(response.json()).await.expect("JSON");
        assert_eq!(document["error"]["code"], code, "{version:?}: {document}");
    }
    let by_query = server.post_to("/a2a?A2A-Version=1.0", body).await;
    let document: Value = within(by_query.json()).await.expect("JSON");
    assert_eq!(document["error"]["code"], -32001);
}

#[tokio::test]
async fn the_tasks_of_another_key_do_not_exist() {
    let (_, server) = server_with(access_with_keys()).await;
    let begun = call(&server, Some("ada"), "SendMessage", sent("a secret")).await;
    let task = json!({"id": begun["result"]["task"]["id"]});
    for method in ["GetTask", "CancelTask", "SubscribeToTask"] {
        let mut answers = Vec::new();
        for params in [task.clone(), json!({"id": id(7)})] {
            let refused = call(&server, Some("bob"), method, params.clone()).await;
            assert_eq!(refused["error"]["code"], -32001, "{method}");
            let shown = refused.to_string();
            answers.push(shown.replace(params["id"].as_str().expect("an id"), "ID"));
        }
        assert_eq!(answers[0], answers[1], "{method}");
    }
    let listed = call(&server, Some("bob"), "ListTasks", json!({})).await;
    assert_eq!(listed["result"]["tasks"], json!([]));
    let mut joined = sent("go on");
    joined["message"]["taskId"] = task["id"].clone();
    let refused = call(&server, Some("bob"), "SendMessage", joined).await;
    assert_eq!(refused["error"]["code"], -32001);
    assert_eq!(post(&server, None, request("GetTask", &task)).await.status(), 401);
}

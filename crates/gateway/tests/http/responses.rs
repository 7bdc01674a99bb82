//! Responses in the background: asked for, read, streamed from any event on, cancelled, removed.

use std::sync::Arc;

use futures::StreamExt;
use harmonic_api::runs::{RunApproach, RunMode};
use harmonic_engine::Engine;
use harmonic_gateway::{
    Access, AgentInfo, ApiKey, Config, Fingerprint, Keys, ModelRegistry, RegisteredAgent, RunOwner,
};
use harmonic_types::{Event, FinishReason, RunState, Tokens};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fake_runs::{FakeRuns, id};
use crate::scripted_engine::{Script, ScriptedEngine, answer, finished, text, within};
use crate::test_server::{TestServer, settings, shown};

/// Two agents and the team.
fn registry(engine: &Arc<ScriptedEngine>, runs: &Arc<FakeRuns>) -> ModelRegistry {
    let agents = [("coder", None), ("team", Some(RunApproach::Mode(RunMode::Auto)))];
    let agents = agents.map(|(name, team)| RegisteredAgent {
        name: name.into(),
        role: format!("the {name}"),
        model: "smollm2:135m".to_owned(),
        context: Tokens(2048),
        info: AgentInfo::default(),
        engine: Arc::clone(engine) as Arc<dyn Engine>,
        team,
    });
    ModelRegistry::new(agents.into()).expect("unique names").with_runs(Arc::clone(runs) as _)
}

async fn server_with(engine: &Arc<ScriptedEngine>, access: Access) -> (Arc<FakeRuns>, TestServer) {
    let runs = Arc::new(FakeRuns::default());
    let models = registry(engine, &runs);
    (runs, TestServer::with_access(access, models, Config::default()).await)
}

async fn server(script: Script) -> (Arc<ScriptedEngine>, Arc<FakeRuns>, TestServer) {
    let engine = ScriptedEngine::new(script);
    let (runs, server) = server_with(&engine, Access::default()).await;
    (engine, runs, server)
}

fn body(patch: &Value) -> String {
    let mut body = json!({"model": "coder", "input": "hi", "background": true});
    for (field, value) in patch.as_object().expect("a patch is an object") {
        body[field] = value.clone();
    }
    body.to_string()
}

async fn document(response: reqwest::Response) -> Value {
    let status = response.status();
    let text = within(response.text()).await.expect("a body");
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

async fn begin(server: &TestServer, patch: &Value) -> Value {
    document(server.post_to("/v1/responses", body(patch)).await).await
}

fn path(response: &Value) -> String {
    format!("/v1/responses/{}", response["id"].as_str().expect("an id"))
}

/// The response once it has `status`.
async fn once(server: &TestServer, path: &str, status: &str) -> Value {
    within(async {
        loop {
            let now = document(server.get(path).await).await;
            if now["status"] == status {
                return now;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

async fn request(server: &TestServer, method: Method, path: &str) -> reqwest::Response {
    let url = format!("{}{path}", server.url);
    within(server.http.request(method, url).send()).await.expect("an answer")
}

/// Events of a stream that ends, as type and sequence number.
async fn events(response: reqwest::Response) -> Vec<(String, u64)> {
    assert_eq!(response.status(), 200);
    let text = within(response.text()).await.expect("a whole stream");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = data.map(|data| serde_json::from_str::<Value>(data).expect("JSON"));
    events
        .map(|event| {
            let kind = event["type"].as_str().expect("a type").to_owned();
            (kind, event["sequence_number"].as_u64().expect("a number"))
        })
        .collect()
}

#[tokio::test]
async fn a_response_is_queued_then_read_whole() {
    let (_, _, server) = server(Script::Emit(answer())).await;
    let begun = begin(&server, &json!({"metadata": {"a": "b"}})).await;
    assert_eq!((&begun["status"], &begun["background"]), (&json!("queued"), &json!(true)));
    assert_eq!(begun["store"], json!(true));
    once(&server, &path(&begun), "completed").await;
    let read = shown(server.get(&path(&begun)).await).await;
    settings().bind(|| insta::assert_snapshot!(read));
}

#[tokio::test]
async fn a_stream_goes_on_after_any_of_its_events() {
    let (engine, _, server) = server(Script::EmitAndWait(vec![text("one ")])).await;
    let begun = begin(&server, &json!({})).await;
    let path = path(&begun);
    within(async {
        // Created, queued, in progress, item, part, text.
        while !once(&server, &path, "in_progress").await.to_string().contains("one ") {}
    })
    .await;
    let followed = server.get(&format!("{path}?stream=true")).await;
    engine.emit(&text("two"));
    engine.emit(&finished(FinishReason::Stop));
    let all = events(followed).await;
    assert_eq!(all[0].0, "response.created");
    assert_eq!(all[1].0, "response.queued");
    assert_eq!(all[2].0, "response.in_progress");
    assert_eq!(all.last().expect("events").0, "response.completed");
    assert!(all.iter().enumerate().all(|(at, (_, number))| at as u64 == *number), "{all:?}");
    for after in 0..all.len() as u64 {
        let rest = server.get(&format!("{path}?stream=true&starting_after={after}")).await;
        let after = usize::try_from(after).expect("small");
        assert_eq!(events(rest).await, all[after + 1..], "after {after}");
    }
    let beyond = server.get(&format!("{path}?stream=true&starting_after={}", all.len())).await;
    assert_eq!(beyond.status(), 400);
}

#[tokio::test]
async fn a_client_that_leaves_its_stream_cancels_nothing() {
    let (engine, _, server) = server(Script::EmitAndWait(vec![text("one ")])).await;
    let streamed = server.post_to("/v1/responses", body(&json!({"stream": true}))).await;
    assert_eq!(streamed.headers()["content-type"], "text/event-stream");
    let first = first_chunk(streamed).await;
    let id = first.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let path = format!("/v1/responses/{}", id.expect("an id"));
    engine.emit(&text("two"));
    engine.emit(&finished(FinishReason::Stop));
    let read = once(&server, &path, "completed").await;
    assert_eq!(read["output"][0]["content"][0]["text"], "one two");
}

/// First chunk of a stream, which is then dropped.
async fn first_chunk(response: reqwest::Response) -> String {
    let mut stream = response.bytes_stream();
    let chunk = within(stream.next()).await.expect("a chunk").expect("whole");
    String::from_utf8(chunk.to_vec()).expect("text")
}

#[tokio::test]
async fn a_cancel_frees_the_slot_and_is_the_same_twice() {
    for script in [Script::Queue, Script::EmitAndWait(vec![text("one")])] {
        let (engine, _, server) = server(script).await;
        let begun = begin(&server, &json!({})).await;
        engine.submitted().await;
        let path = path(&begun);
        for _ in 0..2 {
            let cancelled = request(&server, Method::POST, &format!("{path}/cancel")).await;
            assert_eq!(document(cancelled).await["status"], "cancelled");
        }
        engine.cancelled(1).await;
        let all = events(server.get(&format!("{path}?stream=true")).await).await;
        assert_eq!(all.last().expect("events").0, "response.cancelled");
    }
}

#[tokio::test]
async fn a_failure_is_the_status_of_the_response() {
    let failed = Event::Failed { message: "it burned".to_owned() };
    let (_, _, server) = server(Script::Emit(vec![text("one"), failed])).await;
    let begun = begin(&server, &json!({})).await;
    let read = once(&server, &path(&begun), "failed").await;
    assert_eq!(read["error"]["code"], "server_error");
    assert!(read["error"]["message"].as_str().expect("a message").contains("it burned"), "{read}");
}

#[tokio::test]
async fn a_removed_response_is_unknown_as_one_that_never_was_or_was_not_kept() {
    let (engine, _, server) = server(Script::EmitAndWait(vec![text("one")])).await;
    let begun = begin(&server, &json!({})).await;
    let path = path(&begun);
    engine.submitted().await;
    let removed = document(request(&server, Method::DELETE, &path).await).await;
    assert_eq!(removed, json!({"id": begun["id"], "object": "response", "deleted": true}));
    engine.cancelled(1).await;
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/cancel")),
        (Method::GET, "/v1/responses/resp_1".to_owned()),
        (Method::GET, "/v1/responses/%ff".to_owned()),
        (Method::GET, format!("/v1/responses/{}", id(9).0.replace("run_", "resp_"))),
    ] {
        let response = request(&server, method.clone(), &path).await;
        assert_eq!(response.status(), 404, "{method} {path}");
        let error: Value = within(response.json()).await.expect("JSON");
        assert_eq!(error["error"]["code"], "response_not_found", "{method} {path}");
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let (_, _, server) = server(Script::Queue).await;
    for (patch, field) in [
        (json!({"store": false}), "store"),
        (json!({"top_logprobs": 3}), "top_logprobs"),
        (json!({"include": ["message.output_text.logprobs"]}), "include"),
        (json!({"model": "nobody"}), "model"),
        (json!({"background": "yes"}), "background"),
    ] {
        let refused = server.post_to("/v1/responses", body(&patch)).await;
        assert!([400, 404].contains(&refused.status().as_u16()), "{patch}");
        let error: Value = within(refused.json()).await.expect("JSON");
        assert_eq!(error["error"]["param"], field, "{patch}: {error}");
    }
    let begun = begin(&server, &json!({})).await;
    for query in ["?stream=maybe", "?starting_after=1", "?stream=true&starting_after=x"] {
        let refused = server.get(&format!("{}{query}", path(&begun))).await;
        assert_eq!(refused.status(), 400, "{query}");
    }
}

#[tokio::test]
async fn as_many_run_as_may_and_those_that_ended_make_room() {
    let (engine, _, server) = server(Script::Queue).await;
    let mut begun = Vec::new();
    for _ in 0..32 {
        begun.push(begin(&server, &json!({})).await);
    }
    let refused = server.post_to("/v1/responses", body(&json!({}))).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let first = path(&begun[0]);
    document(request(&server, Method::POST, &format!("{first}/cancel")).await).await;
    engine.cancelled(1).await;
    begin(&server, &json!({})).await;
    assert_eq!(server.get(&first).await.status(), 404, "the oldest that ended made room");
    assert_eq!(server.get(&path(&begun[1])).await.status(), 200);
}

#[tokio::test]
async fn the_response_of_another_key_does_not_exist() {
    let key = |name: &str| ApiKey {
        name: name.to_owned(),
        fingerprint: Fingerprint::of(name),
        per_minute: None,
        may_approve_commands: false,
    };
    let keys: Arc<Keys> = Arc::new(Keys::new(["ada", "bob"].map(key)));
    let access = Access { keys: Some(Arc::new(keys)), ..Access::default() };
    let engine = ScriptedEngine::new(Script::Queue);
    let (runs, server) = server_with(&engine, access).await;
    let send = |method: Method, path: String, key: &'static str, body: String| {
        let url = format!("{}{path}", server.url);
        let sent = server.http.request(method, url).bearer_auth(key).body(body).send();
        async move { within(sent).await.expect("an answer") }
    };
    for model in ["coder", "team"] {
        let asked = body(&json!({"model": model}));
        let begun = send(Method::POST, "/v1/responses".to_owned(), "ada", asked).await;
        let begun = document(begun).await;
        let path = path(&begun);
        for (method, path) in [
            (Method::GET, path.clone()),
            (Method::GET, format!("{path}?stream=true")),
            (Method::POST, format!("{path}/cancel")),
            (Method::DELETE, path.clone()),
        ] {
            let refused = send(method.clone(), path.clone(), "bob", String::new()).await;
            assert_eq!(refused.status(), 404, "{method} {path}");
            let error: Value = within(refused.json()).await.expect("JSON");
            assert_eq!(error["error"]["code"], "response_not_found", "{method} {path}");
        }
        let own = document(send(Method::GET, path, "ada", String::new()).await).await;
        assert_ne!(own["status"], "cancelled", "{model}");
    }
    let owner = RunOwner(Some("ada".into()));
    assert_eq!(runs.state(owner, 0), RunState::WaitingForApproval, "nobody stopped it");
    assert_eq!(*engine.cancelled.borrow(), 0);
}

#[tokio::test]
async fn a_response_of_the_team_is_a_run() {
    let (_, runs, server) = server(Script::Queue).await;
    let asked = json!({"model": "team", "input": "done", "metadata": {"a": "b"}});
    let begun = begin(&server, &asked).await;
    assert_eq!(begun["id"], id(0).0.replace("run_", "resp_"));
    let read = once(&server, &path(&begun), "completed").await;
    assert_eq!(read["metadata"], json!({"a": "b"}));
    assert_eq!(read["output"][0]["type"], "reasoning");
    assert_eq!(read["output"][1]["content"][0]["text"], "the answer");
    let asked = runs.asked.lock().expect("no panic").clone();
    assert_eq!(asked[0].approach, RunApproach::Mode(RunMode::Auto));

    let begun = begin(&server, &json!({"model": "team", "input": "endless"})).await;
    let path = path(&begun);
    let cancelled = request(&server, Method::POST, &format!("{path}/cancel")).await;
    assert_eq!(document(cancelled).await["status"], "cancelled");
    assert_eq!(runs.state(RunOwner(None), 1), RunState::Stopped);
    document(request(&server, Method::DELETE, &path).await).await;
    assert_eq!(server.get(&path).await.status(), 404);
    assert_eq!(server.get(&format!("/runs/{}", id(1))).await.status(), 404);
}

#[tokio::test]
async fn a_run_of_which_nothing_is_in_memory_is_read_from_its_record() {
    let (runs, server) = {
        let (_, runs, server) = server(Script::Queue).await;
        begin(&server, &json!({"model": "team", "input": "done"})).await;
        drop(server);
        let models = registry(&ScriptedEngine::new(Script::Queue), &runs);
        (runs, TestServer::with_models(models, Config::default()).await)
    };
    let path = format!("/v1/responses/{}", id(0).0.replace("run_", "resp_"));
    let read = shown(server.get(&path).await).await;
    settings().bind(|| insta::assert_snapshot!(read));
    let whole = server.get(&format!("{path}?stream=true")).await;
    let all = events(whole).await;
    assert!(all.iter().any(|(kind, _)| kind == "response.output_text.delta"), "{all:?}");
    assert_eq!(all.last().expect("events").0, "response.completed");
    let rest = events(server.get(&format!("{path}?stream=true&starting_after=41")).await).await;
    let expected = [("response.in_progress", 42), ("response.completed", 43)];
    assert_eq!(rest, expected.map(|(kind, number)| (kind.to_owned(), number)));
    drop(runs);
}

//! Runs over HTTP: documents, events, errors, and what the requests of strangers get.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use harmonic_api::runs::{CreateRun, RunApproach, Verdict};
use harmonic_api::{Client, ClientError, RunNews};
use harmonic_gateway::{Access, ApiKey, Config, Fingerprint, Keys, RunOwner};
use harmonic_orchestrator::ApprovalId;
use harmonic_types::{RunId, RunState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fake_runs::{FakeRuns, id, text};
use crate::scripted_engine::{Script, ScriptedEngine, within};
use crate::test_server::{TestServer, models, settings, shown};

const NOBODY: RunOwner = RunOwner(None);

async fn server_with(runs: &Arc<FakeRuns>, access: Access) -> TestServer {
    let models = models(&ScriptedEngine::new(Script::Queue)).with_runs(Arc::clone(runs) as _);
    TestServer::with_access(access, models, Config::default()).await
}

pub async fn server() -> (Arc<FakeRuns>, TestServer) {
    let runs = Arc::new(FakeRuns::default());
    let server = server_with(&runs, Access::default()).await;
    (runs, server)
}

/// Server where `ada` and `bob` have keys of their names, and `ada` may approve commands.
pub async fn server_with_keys() -> (Arc<FakeRuns>, TestServer) {
    let key = |name: &str| ApiKey {
        name: name.to_owned(),
        fingerprint: Fingerprint::of(name),
        per_minute: None,
        may_approve_commands: name == "ada",
    };
    let keys: Arc<Keys> = Arc::new(Keys::new(["ada", "bob"].map(key)));
    let access = Access { keys: Some(Arc::new(keys)), ..Access::default() };
    let runs = Arc::new(FakeRuns::default());
    let server = server_with(&runs, access).await;
    (runs, server)
}

pub fn client(server: &TestServer, key: &str) -> Client {
    Client::new(&server.url).and_then(|client| client.with_key(key)).expect("a client")
}

pub fn goal(goal: &str) -> CreateRun {
    CreateRun { goal: goal.to_owned(), ..CreateRun::default() }
}

pub async fn request(
    server: &TestServer,
    method: Method,
    path: &str,
    body: &str,
) -> reqwest::Response {
    let url = format!("{}{path}", server.url);
    let request = server.http.request(method, url).body(body.to_owned());
    within(request.send()).await.expect("an answer")
}

/// Status and code of an error in the envelope.
pub async fn refused(response: reqwest::Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let error: Value = within(response.json()).await.expect("JSON");
    let text = |field: &str| error["error"][field].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("message"))
}

#[tokio::test]
async fn the_documents_on_the_wire() {
    let (_, server) = server().await;
    let run = format!("/runs/{}", id(0));
    let mut all = Vec::new();
    for (method, path, body) in [
        ("POST", "/runs".to_owned(), r#"{"goal": "write a poem"}"#),
        ("GET", "/runs".to_owned(), ""),
        ("GET", run.clone(), ""),
        ("GET", format!("{run}/events"), ""),
        ("GET", format!("{run}/approvals"), ""),
        ("POST", format!("{run}/approvals/1"), r#"{"decision": "approve"}"#),
        ("GET", format!("{run}/artifacts/0"), ""),
        ("POST", format!("{run}/stop"), ""),
        ("POST", format!("{run}/stop"), "{}"),
        ("POST", format!("{run}/resume"), " {} "),
        ("DELETE", run.clone(), ""),
        ("GET", run, ""),
    ] {
        let method: Method = method.parse().expect("a method");
        let response = request(&server, method.clone(), &path, body).await;
        let location = response.headers().get("location").cloned();
        let shown = shown(response).await;
        all.push(format!("{method} {path}\nlocation: {location:?}\n{shown}"));
    }
    settings().bind(|| insta::assert_snapshot!(all.join("\n\n")));
}

#[tokio::test]
async fn the_client_reads_what_the_server_writes() {
    let (runs, server) = server().await;
    let client = Client::new(&server.url).expect("a client");
    let wanted = CreateRun { recipe: Some("split".to_owned()), ..goal("write a poem") };
    let created = within(client.create_run(&wanted)).await.expect("a run");
    assert_eq!(created.id, id(0));
    let asked = runs.asked.lock().expect("no panic").clone();
    assert_eq!(asked[0].approach, RunApproach::Recipe("split".to_owned()));
    assert_eq!(within(client.runs()).await.expect("a list"), [created]);
    let record = within(client.run(&id(0))).await.expect("a record");
    assert_eq!(record.goal, "write a poem");

    let mut events = within(client.run_events(&id(0), None)).await.expect("a stream");
    let first = within(events.next()).await.expect("more").expect("whole");
    let RunNews::Snapshot(snapshot) = first else { panic!("a snapshot first") };
    assert_eq!((snapshot.id, snapshot.record), (1, record));
    for n in 2..4 {
        let news = within(events.next()).await.expect("more").expect("whole");
        assert_eq!(news, RunNews::Update(Box::new(text(n, "hé\nllo"))));
    }
    assert!(within(events.next()).await.is_none());

    let mut events = within(client.run_events(&id(0), Some(2))).await.expect("a stream");
    let news = within(events.next()).await.expect("more").expect("whole");
    assert_eq!(news, RunNews::Update(Box::new(text(3, "hé\nllo"))));

    let open = within(client.run_approvals(&id(0))).await.expect("approvals");
    let left = within(client.decide_run(&id(0), open[0].id, Verdict::Deny)).await;
    assert_eq!(left.expect("those left"), open[1..]);
    let stopped = within(client.stop_run(&id(0))).await.expect("a run");
    assert_eq!(stopped.state, RunState::Stopped);
    assert_eq!(within(client.resume_run(&id(0))).await.expect("a run").state, RunState::Running);
    within(client.remove_run(&id(0))).await.expect("removed");
    let gone = within(client.run(&id(0))).await;
    assert!(matches!(gone, Err(ClientError::Status { status: 404, .. })), "{gone:?}");
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_lost_and_a_stream_without_its_end_is_an_error() {
    let runs = Arc::new(FakeRuns::default());
    let config = Config { grace: Duration::from_millis(50), ..Config::default() };
    let models = models(&ScriptedEngine::new(Script::Queue)).with_runs(runs);
    let mut server = TestServer::with_models(models, config).await;
    let client = Client::new(&server.url).expect("a client");
    within(client.create_run(&goal("slow"))).await.expect("a run");
    let events = within(client.run_events(&id(0), None)).await.expect("a stream");
    let news: Vec<_> = within(events.collect()).await;
    assert!(matches!(news[1], Ok(RunNews::Lost(9))), "{news:?}");
    assert!(matches!(news[2], Ok(RunNews::Snapshot(_))), "{news:?}");

    within(client.create_run(&goal("endless"))).await.expect("a run");
    let mut events = within(client.run_events(&id(1), Some(3))).await.expect("a stream");
    server.stop();
    drop(server);
    let broken = within(events.next()).await.expect("an item");
    assert!(broken.is_err(), "{broken:?}");
    assert!(within(events.next()).await.is_none());
}

#[tokio::test]
async fn the_runs_of_another_key_do_not_exist() {
    let (runs, server) = server_with_keys().await;
    let (ada, bob) = (client(&server, "ada"), client(&server, "bob"));
    within(ada.create_run(&goal("a secret"))).await.expect("a run");
    assert_eq!(within(bob.runs()).await.expect("a list"), []);
    let run = format!("/runs/{}", id(0));
    let unknown = format!("/runs/{}", id(7));
    for (method, path, body) in [
        ("GET", "", ""),
        ("HEAD", "", ""),
        ("GET", "/events", ""),
        ("GET", "/approvals", ""),
        ("POST", "/approvals/1", r#"{"decision": "approve"}"#),
        ("POST", "/approvals/2", r#"{"decision": "deny"}"#),
        ("POST", "/stop", ""),
        ("POST", "/resume", ""),
        ("GET", "/artifacts/0", ""),
        ("GET", "/tools", ""),
        ("GET", "/tool-calls", ""),
        ("POST", "/tool-calls/c1", r#"{"text": "mine"}"#),
        ("DELETE", "", ""),
    ] {
        let method: Method = method.parse().expect("a method");
        let mut answers = Vec::new();
        for run in [&run, &unknown] {
            let url = format!("{}{run}{path}", server.url);
            let sent = server.http.request(method.clone(), url).bearer_auth("bob");
            let response = within(sent.body(body).send()).await.expect("an answer");
            assert_eq!(response.status(), 404, "{method} {path}");
            let text = within(response.text()).await.expect("a body");
            answers.push(text.replace(&id(0).0, "ID").replace(&id(7).0, "ID"));
        }
        // A run of another key cannot be told from one that never was.
        assert_eq!(answers[0], answers[1], "{method} {path}");
    }
    let owner = RunOwner(Some("ada".into()));
    assert_eq!(runs.state(owner, 0), RunState::WaitingForApproval);
    let nobody = request(&server, Method::GET, &run, "").await;
    assert_eq!(nobody.status(), 401);
}

#[tokio::test]
async fn a_key_approves_commands_of_its_runs_only_where_that_was_granted() {
    let (_, server) = server_with_keys().await;
    let (ada, bob) = (client(&server, "ada"), client(&server, "bob"));
    let own = within(ada.create_run(&goal("of ada"))).await.expect("a run").id;
    let left = within(ada.decide_run(&own, ApprovalId(2), Verdict::Approve)).await;
    assert_eq!(left.expect("those left").len(), 1);

    let own = within(bob.create_run(&goal("of bob"))).await.expect("a run").id;
    let refused = within(bob.decide_run(&own, ApprovalId(2), Verdict::Approve)).await;
    assert!(matches!(refused, Err(ClientError::Status { status: 403, .. })), "{refused:?}");
    // It is still open; a no, and a yes to what runs no command, need no grant.
    assert_eq!(within(bob.run_approvals(&own)).await.expect("approvals").len(), 2);
    within(bob.decide_run(&own, ApprovalId(2), Verdict::Deny)).await.expect("a no");
    within(bob.decide_run(&own, ApprovalId(1), Verdict::Approve)).await.expect("a yes");
}

#[tokio::test]
async fn ids_that_are_none_reach_no_storage() {
    let (runs, server) = server().await;
    within(Client::new(&server.url).expect("a client").create_run(&goal("x")))
        .await
        .expect("a run");
    let long = "A".repeat(5000);
    let upper = id(0).0.to_uppercase();
    for wrong in [
        "..%2F..%2Fetc%2Fpasswd",
        "run_",
        "run_..%2F..%2F..%2F..%2F..%2Fetc%2Fpass",
        "%2Fetc%2Fpasswd",
        "%ff%fe",
        "%00",
        "run_01JABCDEFGHJKMNPQRSTVWXY0",
        "run_01JABCDEFGHJKMNPQRSTVWXY00%00",
        "run_01JABCDEFGHJKMNPQRSTVWXYé0",
        "run_IIIIIIIIIIIIIIIIIIIIIIIIII",
        long.as_str(),
        upper.as_str(),
    ] {
        for path in ["", "/events", "/approvals", "/artifacts/0"] {
            let response = request(&server, Method::GET, &format!("/runs/{wrong}{path}"), "").await;
            let (status, code, message) = self::refused(response).await;
            assert_eq!((status, code.as_str()), (404, "run_not_found"), "{wrong}{path}");
            assert!(message.len() < 200, "{message}");
        }
        let response = request(&server, Method::DELETE, &format!("/runs/{wrong}"), "").await;
        assert_eq!(response.status(), 404, "{wrong}");
    }
    assert_eq!(runs.state(NOBODY, 0), RunState::WaitingForApproval);
    for wrong in ["-1", "+1", "01", "1.0", "x", "99999999999999999999", "%20", "4294967296"] {
        let path = format!("/runs/{}/artifacts/{wrong}", id(0));
        let (status, code, _) = self::refused(request(&server, Method::GET, &path, "").await).await;
        assert_eq!((status, code.as_str()), (404, "artifact_not_found"), "{wrong}");
        let path = format!("/runs/{}/approvals/{wrong}", id(0));
        let body = r#"{"decision": "approve"}"#;
        let (status, code, _) =
            self::refused(request(&server, Method::POST, &path, body).await).await;
        assert_eq!((status, code.as_str()), (404, "approval_not_found"), "{wrong}");
    }
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let (runs, server) = server().await;
    let long = "x".repeat((1 << 20) + 1);
    let deep = "[".repeat(10_000);
    let task = json!({"title": "t", "kind": "ask", "agent": "coder", "instruction": "i"});
    let tasks = |count: usize| json!(vec![task.clone(); count]);
    let graph = |schema: &str, count| json!({"schema": schema, "tasks": tasks(count)});
    let mut said = Vec::new();
    for body in [
        json!({}),
        json!([]),
        json!(["write a poem"]),
        json!({"goal": 5}),
        json!({"goal": null}),
        json!({"goal": ""}),
        json!({"goal": " \n"}),
        json!({"goal": "a\u{0}b"}),
        json!({"goal": long}),
        json!({"goal": "x", "brief": ""}),
        json!({"goal": "x", "tools": "mcp.json"}),
        json!({"goal": "x", "command": "rm -rf /"}),
        json!({"goal": "x", "owner": "ada"}),
        json!({"goal": "x", "mode": "all"}),
        json!({"goal": "x", "mode": "solo", "recipe": "split"}),
        json!({"goal": "x", "recipe": "../../etc/passwd"}),
        json!({"goal": "x", "recipe": ""}),
        json!({"goal": "x", "recipe": "r".repeat(65)}),
        json!({"goal": "x", "recipe_toml": long}),
        json!({"goal": "x", "plan": graph("harmonic.task-graph/9", 1)}),
        json!({"goal": "x", "plan": graph("harmonic.task-graph/1", 0)}),
        json!({"goal": "x", "plan": graph("harmonic.task-graph/1", 65)}),
        json!({"goal": "x", "plan": {"schema": "harmonic.task-graph/1", "tasks": [
            {"title": "t", "kind": "ask", "agent": "coder", "instruction": "i", "max_token": 9}]}}),
        json!({"goal": "x", "plan": {"schema": "harmonic.task-graph/1"}}),
        json!({"goal": "x", "plan": {"schema": "harmonic.task-graph/1", "tasks": [], "x": 1}}),
        json!({"goal": "x", "budget": {"tokens": 0}}),
        json!({"goal": "x", "budget": {"tokens": -1}}),
        json!({"goal": "x", "budget": {"tokens": 1.5}}),
        json!({"goal": "x", "budget": {"time_ms": 0}}),
        json!({"goal": "x", "budget": {"joules": 0.0}}),
        json!({"goal": "x", "budget": {"joules": -2.0}}),
        json!({"goal": "x", "budget": {"seconds": 5}}),
        json!({"goal": "x", "budget": 5}),
        json!({"goal": "x", "ask": "sometimes"}),
        json!({"goal": "x", "background": "yes"}),
        json!({"goal": "x", "task_tokens": 0}),
        json!({"goal": "x", "task_tokens": -1}),
        json!({"goal": "x", "ignore_eos": true}),
    ] {
        let response = request(&server, Method::POST, "/runs", &body.to_string()).await;
        let (status, code, message) = refused(response).await;
        assert_eq!(status, 400, "{message}");
        let mut sent = body.to_string();
        sent.truncate(sent.floor_char_boundary(60));
        said.push(format!("{sent}\n    {code}: {message}"));
    }
    insta::assert_snapshot!(said.join("\n"));
    for body in ["", "null", "{", r#"{"goal": "x"} {}"#, deep.as_str(), "\u{feff}{}"] {
        let (status, ..) = refused(request(&server, Method::POST, "/runs", body).await).await;
        assert_eq!(status, 400, "{body:.20}");
    }
    let huge = format!(r#"{{"goal": "{}"}}"#, "x".repeat(17 << 20));
    let (status, code, _) = refused(request(&server, Method::POST, "/runs", &huge).await).await;
    assert_eq!((status, code.as_str()), (413, "body_too_large"));
    assert_eq!(runs.asked.lock().expect("no panic").len(), 0);

    within(Client::new(&server.url).expect("a client").create_run(&goal("x")))
        .await
        .expect("a run");
    let run = format!("/runs/{}", id(0));
    for (path, body) in [
        ("stop", r#"{"force": true}"#),
        ("stop", "[]"),
        ("resume", r#"{"budget": {}}"#),
        ("approvals/1", "{}"),
        ("approvals/1", r#"{"decision": true}"#),
        ("approvals/1", r#"{"decision": "approved"}"#),
        ("approvals/1", r#"{"decision": "approve", "all": true}"#),
        ("approvals/1", r#"["approve"]"#),
        ("approvals/1", ""),
    ] {
        let response = request(&server, Method::POST, &format!("{run}/{path}"), body).await;
        assert_eq!(response.status(), 400, "{path} {body}");
    }
    assert_eq!(runs.state(NOBODY, 0), RunState::WaitingForApproval);
}

#[tokio::test]
async fn errors_of_runs_have_their_statuses() {
    let (_, server) = server().await;
    for (goal, status, code, retry) in [
        ("full", 429, "runs_full", Some("7")),
        ("unwilling", 403, "run_not_allowed", None),
        ("invalid", 400, "invalid_value", None),
        ("stopping", 503, "runs_unavailable", Some("1")),
        ("broken", 500, "run_failed", None),
    ] {
        let body = json!({"goal": goal}).to_string();
        let response = request(&server, Method::POST, "/runs", &body).await;
        let after =
            response.headers().get("retry-after").map(|value| value.to_str().expect("text"));
        assert_eq!(after, retry, "{goal}");
        let (found, found_code, _) = refused(response).await;
        assert_eq!((found, found_code.as_str()), (status, code));
    }
    let other = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let (status, code, _) = refused(request(&other, Method::GET, "/runs", "").await).await;
    assert_eq!((status, code.as_str()), (403, "runs_off"));
    let unknown = RunId("run_x".to_owned());
    let client = Client::new(&server.url).expect("a client");
    let gone = within(client.stop_run(&unknown)).await;
    assert!(matches!(gone, Err(ClientError::Status { status: 404, .. })), "{gone:?}");
}

#[tokio::test]
async fn methods_that_are_not_there_say_which_are_and_head_is_a_get_without_a_body() {
    let (_, server) = server().await;
    within(Client::new(&server.url).expect("a client").create_run(&goal("x")))
        .await
        .expect("a run");
    let run = format!("/runs/{}", id(0));
    for (method, path) in [
        ("PUT", run.clone()),
        ("POST", run.clone()),
        ("DELETE", "/runs".to_owned()),
        ("GET", format!("{run}/stop")),
        ("GET", format!("{run}/approvals/1")),
        ("POST", format!("{run}/artifacts/0")),
    ] {
        let response = request(&server, method.parse().expect("a method"), &path, "").await;
        assert_eq!(response.status(), 405, "{method} {path}");
        assert!(response.headers().contains_key("allow"));
    }
    for path in
        ["/runs".to_owned(), run.clone(), format!("{run}/events"), format!("{run}/artifacts/0")]
    {
        let response = request(&server, Method::HEAD, &path, "").await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(within(response.bytes()).await.expect("no body").len(), 0);
    }
    for id in ["x", "-1", "1, 2"] {
        let url = format!("{}{run}/events", server.url);
        let sent = server.http.get(url).header("last-event-id", id);
        let response = within(sent.send()).await.expect("an answer");
        assert_eq!(response.status(), 400, "{id}");
    }
}

//! Tools that a client's own process offers, over HTTP and at the service.

use std::sync::Arc;

use futures::StreamExt;
use harmonic_api::runs::{
    AnswerToolCall, ClientTool, CreateRun, RunApproach, ToolCallEvent, ToolCallOrder,
};
use harmonic_api::{Client, ClientError};
use harmonic_app::NoObserver;
use harmonic_app::listen::ListenConfig;
use harmonic_app::runs::{NoTools, ServiceLimits};
use harmonic_app::serve::TeamServer;
use harmonic_gateway::{RunOwner, Runs, RunsError};
use harmonic_orchestrator::{AskPolicy, Decision};
use harmonic_types::{RunState, Task, TaskGraph, TaskIndex, ToolEffects, ToolSpec, Work};
use serde_json::{Map, json};

use crate::support::{Team, ended, new_run, nobody, rested, settings, simulated};
use crate::tool_calls::Ledger;

fn spec(name: &str, effects: ToolEffects) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: "Counts.".to_owned(),
        input_schema: json!({"type": "object", "properties": {"by": {"type": "integer"}}}),
        effects,
    }
}

/// Calls of the tool `name`, one after the other.
fn calls(name: &str, count: u32) -> TaskGraph {
    let task = |number: u32| Task {
        title: format!("Call {number}"),
        work: Work::Tool {
            tool: name.to_owned(),
            arguments: Map::from_iter([("by".to_owned(), json!(number))]),
        },
        after: number.checked_sub(1).map(TaskIndex).into_iter().collect(),
        max_tokens: None,
    };
    TaskGraph::new((0..count).map(task).collect())
}

fn wanted(graph: TaskGraph, tools: &[ToolSpec]) -> CreateRun {
    CreateRun {
        goal: "count".to_owned(),
        plan: Some(graph),
        ask: Some(AskPolicy::Never),
        client_tools: tools.iter().cloned().map(ClientTool::from).collect(),
        ..CreateRun::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_a_run_go_to_its_client_over_http_and_their_results_come_back() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let listen = ListenConfig::private().with_runs();
    let server =
        TeamServer::start(simulated(&settings), listen, &settings, &NoObserver).await.unwrap();
    let client = Client::new(&server.url()).unwrap();
    let tools = [spec("count.up", ToolEffects::ReadOnly)];
    let run = client.create_run(&wanted(calls("count.up", 3), &tools)).await.unwrap();
    let mut events = client.tool_calls(&run.id, "test", None).await.unwrap();
    let names = vec!["count.up".to_owned()];
    assert_eq!(events.next().await.unwrap().unwrap(), ToolCallEvent::Tools { names });
    assert_eq!(client.run_tools(&run.id).await.unwrap().client_connected, Some(true));
    let mut arguments = Vec::new();
    while let Some(event) = events.next().await {
        let ToolCallEvent::Call(ToolCallOrder { call, arguments: given, .. }) = event.unwrap()
        else {
            panic!("nothing is cancelled");
        };
        let answer = AnswerToolCall { text: Some(given.clone()), ..AnswerToolCall::default() };
        arguments.push(given);
        client.answer_tool_call(&run.id, &call, &answer).await.unwrap();
        // A second answer comes too late, whether or not the run has ended.
        let again = client.answer_tool_call(&run.id, &call, &answer).await;
        assert!(matches!(again, Err(ClientError::Status { status: 409, .. })), "{again:?}");
    }
    assert_eq!(arguments, [r#"{"by":0}"#, r#"{"by":1}"#, r#"{"by":2}"#]);
    let record = client.run(&run.id).await.unwrap();
    assert_eq!((record.state, record.answer.as_deref()), (RunState::Done, Some(r#"{"by":2}"#)));
    assert!(client.replay_run(&run.id).await.unwrap().same);
    let over = client.tool_calls(&run.id, "test", None).await;
    assert!(matches!(over, Err(ClientError::Status { status: 409, .. })));

    let plain = CreateRun { goal: "x".to_owned(), ..CreateRun::default() };
    let plain = client.create_run(&plain).await.unwrap();
    let none = client.tool_calls(&plain.id, "test", None).await;
    assert!(matches!(none, Err(ClientError::Status { status: 409, .. })));
    server.drain(std::time::Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_cannot_be_offered_are_refused_before_the_run_begins() {
    let home = tempfile::tempdir().unwrap();
    let ledger = Ledger {
        file: home.path().join("ledger"),
        effects: ToolEffects::ReadOnly,
        pause: std::time::Duration::ZERO,
        granted: false,
    };
    let team = Team::open(home.path(), Arc::new(ledger), ServiceLimits::default()).await;
    let mut foreign = spec("a", ToolEffects::ReadOnly);
    foreign.input_schema = json!({"$ref": "http://127.0.0.1:9/schema"});
    for (tool, expected) in [
        (foreign, "`client_tools[0].input_schema`"),
        (spec(Ledger::TOOL, ToolEffects::ReadOnly), "which the server offers, too"),
    ] {
        let mut new = new_run(RunApproach::Plan(calls("a", 1)));
        new.request.tools.client = vec![tool];
        let error = team.service.create_run(nobody(), new).await.unwrap_err();
        assert!(matches!(error, RunsError::Invalid { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(team.service.list(nobody(), 9).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_approves_commands_of_its_own_process_and_nobody_else_sees_its_calls() {
    let home = tempfile::tempdir().unwrap();
    let team = Team::open(home.path(), Arc::new(NoTools), ServiceLimits::default()).await;
    let service = &team.service;
    let (ada, bob) = (RunOwner(Some("ada".into())), RunOwner(Some("bob".into())));
    let mut new = new_run(RunApproach::Plan(calls("sh.run", 1)));
    new.request.ask = AskPolicy::Write;
    new.request.tools.client = vec![spec("sh.run", ToolEffects::Running)];
    let id = service.create_run(ada.clone(), new).await.unwrap().id;
    rested(service, &ada, &id).await;
    let open = service.approvals(ada.clone(), id.clone()).await.unwrap();
    for refused in [
        service.tools(bob.clone(), id.clone()).await.map(drop),
        service.tool_calls(bob.clone(), id.clone(), None, None).await.map(drop),
        service
            .answer_tool_call(
                bob.clone(),
                id.clone(),
                "call_1".to_owned(),
                harmonic_api::runs::ToolCallOutcome::Refused(String::new()),
            )
            .await,
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, RunsError::NotFound { what: "run", .. }), "{error:?}");
    }
    let mut events = service.tool_calls(ada.clone(), id.clone(), None, None).await.unwrap();
    events.next().await.unwrap();
    // It needs no grant: the command runs with the owner, and not on the server.
    let decided = service.decide(ada.clone(), id.clone(), open[0].id, Decision::Approved, false);
    decided.await.unwrap();
    let Some(ToolCallEvent::Call(order)) = events.next().await else { panic!("a call") };
    let outcome = AnswerToolCall { text: Some("done".to_owned()), ..AnswerToolCall::default() };
    let outcome = outcome.checked().unwrap();
    service.answer_tool_call(ada.clone(), id.clone(), order.call, outcome).await.unwrap();
    assert_eq!(ended(service, &ada, &id).await.answer.as_deref(), Some("done"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_has_the_intent_of_a_call_before_its_client_is_given_it() {
    let home = tempfile::tempdir().unwrap();
    let team = Team::open(home.path(), Arc::new(NoTools), ServiceLimits::default()).await;
    let service = &team.service;
    let mut new = new_run(RunApproach::Plan(calls("count.up", 1)));
    new.request.tools.client = vec![spec("count.up", ToolEffects::ReadOnly)];
    let id = service.create_run(nobody(), new).await.unwrap().id;
    let mut events = service.tool_calls(nobody(), id.clone(), None, None).await.unwrap();
    events.next().await.unwrap();
    let Some(ToolCallEvent::Call(order)) = events.next().await else { panic!("a call") };
    let journal = home.path().join("journals").join(&id.0).join("journal.jsonl");
    let before = std::fs::read_to_string(&journal).unwrap();
    assert!(before.contains("tool_intended") && !before.contains("tool_returned"), "{before}");
    let outcome = AnswerToolCall { text: Some("1".to_owned()), ..AnswerToolCall::default() };
    let outcome = outcome.checked().unwrap();
    service.answer_tool_call(nobody(), id.clone(), order.call, outcome).await.unwrap();
    ended(service, &nobody(), &id).await;
    let after = std::fs::read_to_string(&journal).unwrap();
    assert!(after.find("tool_returned") > after.find("tool_intended"), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_offers_the_tools_of_a_resumed_run() {
    let home = tempfile::tempdir().unwrap();
    let team = Team::open(home.path(), Arc::new(NoTools), ServiceLimits::default()).await;
    let service = &team.service;
    let mut new = new_run(RunApproach::Plan(calls("count.up", 1)));
    new.request.tools.client = vec![spec("count.up", ToolEffects::ReadOnly)];
    let id = service.create_run(nobody(), new).await.unwrap().id;
    let mut events = service.tool_calls(nobody(), id.clone(), None, None).await.unwrap();
    events.next().await.unwrap();
    let Some(ToolCallEvent::Call(first)) = events.next().await else { panic!("a call") };
    service.stop(nobody(), id.clone()).await.unwrap();
    assert_eq!(service.tools(nobody(), id.clone()).await.unwrap().client_connected, Some(false));
    service.resume(nobody(), id.clone()).await.unwrap();
    let mut events = service.tool_calls(nobody(), id.clone(), None, None).await.unwrap();
    events.next().await.unwrap();
    let Some(ToolCallEvent::Call(second)) = events.next().await else { panic!("a call") };
    assert_eq!(first.arguments, second.arguments);
    let outcome = || AnswerToolCall { text: Some("1".to_owned()), ..AnswerToolCall::default() };
    let late = outcome().checked().unwrap();
    let late = service.answer_tool_call(nobody(), id.clone(), first.call, late).await.unwrap_err();
    assert!(matches!(late, RunsError::NotFound { what: "tool call", .. }), "{late:?}");
    let outcome = outcome().checked().unwrap();
    service.answer_tool_call(nobody(), id.clone(), second.call, outcome).await.unwrap();
    assert_eq!(ended(service, &nobody(), &id).await.answer.as_deref(), Some("1"));
}

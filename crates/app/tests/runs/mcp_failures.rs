//! Runs whose tools are those of real MCP servers that fail: processes that the server starts by its
//! own configuration, and processes that a client starts and offers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use harmonic_api::Client;
use harmonic_api::runs::{ClientTool, CreateRun, RequestedTools, RunApproach, RunChange};
use harmonic_app::listen::ListenConfig;
use harmonic_app::runs::{NewRun, RunService, ServiceLimits};
use harmonic_app::serve::TeamServer;
use harmonic_app::tool_offer::{ToolOffer, ToolOfferRequest};
use harmonic_app::{NoObserver, Settings};
use harmonic_gateway::{RunDelivery, Runs, RunsError};
use harmonic_orchestrator::{AskPolicy, RunEvent, RunLimits};
use harmonic_types::{
    RunBudget, RunId, RunRecord, RunState, Task, TaskGraph, TaskIndex, TaskState, Work,
};
use serde_json::Map;

use crate::mcp_servers::{Home, SET};
use crate::support::{Team, ended, has_answer, new_run, nobody, rested, simulated};

/// Ways to fail, and what is said of each; the reasons of those that give a result are empty.
const FAILURES: [(&str, &str); 7] = [
    ("hangs", "did not answer within 12 s"),
    ("dies", "its last words: `out of memory`"),
    ("closes", "lost the MCP server `closes`: it ended"),
    ("huge-text", ""),
    ("huge-list", "it sent a message of more than 8 MiB"),
    ("nonsense", "its standard output is not MCP"),
    ("refuses", "the MCP server `refuses` refused the call: the quota is used up"),
];

/// Time of a call, where a test waits for its end.
const CALL: Duration = Duration::from_secs(12);

/// A call of the tool of each of `ways`, an answer beside them, and one that reads them all.
fn graph(ways: &[&str]) -> TaskGraph {
    let call = |way: &&str| Task {
        title: (*way).to_owned(),
        work: Work::Tool { tool: format!("{way}.call"), arguments: Map::new() },
        after: Vec::new(),
        max_tokens: None,
    };
    let ask = |title: &str, after: Vec<TaskIndex>| Task {
        title: title.to_owned(),
        work: Work::Ask { agent: "analyst".into(), instruction: format!("{title}.") },
        after,
        max_tokens: Some(24),
    };
    let mut tasks: Vec<Task> = ways.iter().map(call).collect();
    tasks.push(ask("Think beside them", Vec::new()));
    let all = (0..u32::try_from(tasks.len()).unwrap()).map(TaskIndex).collect();
    tasks.push(ask("Sum up", all));
    TaskGraph::new(tasks)
}

/// A team whose server has the servers of `home`.
async fn team(home: &Home) -> Team {
    let tool_ms = u64::try_from(CALL.as_millis()).unwrap();
    let run = RunLimits { tool_ms, ..RunLimits::default() };
    let limits = ServiceLimits { run, ..ServiceLimits::default() };
    Team::open(home.folder.path(), Arc::new(home.tool_sets()), limits).await
}

/// A process that offers the servers of `home`.
async fn offer(home: &Home) -> ToolOffer {
    let request =
        ToolOfferRequest { tools: Some(home.path("mcp.json")), ..ToolOfferRequest::default() };
    ToolOffer::open(&request, &home.settings()).await.unwrap().unwrap()
}

fn calling(ways: &[&str]) -> NewRun {
    let mut new = new_run(RunApproach::Plan(graph(ways)));
    new.request.budget = RunBudget::default();
    let sets = vec![SET.to_owned()];
    new.request.tools = RequestedTools { sets, ..RequestedTools::default() };
    new
}

fn ways() -> [&'static str; FAILURES.len()] {
    FAILURES.map(|(way, _)| way)
}

fn state(record: &RunRecord, title: &str) -> TaskState {
    record.tasks.iter().find(|task| task.title == title).unwrap().state
}

/// The reasons of tasks that have failed, by their titles, as a watcher reads them.
async fn reasons(service: &RunService, id: &RunId) -> BTreeMap<String, String> {
    let mut reasons = BTreeMap::new();
    let mut events = service.events(nobody(), id.clone(), Some(0)).await.unwrap();
    while let Some(delivery) = events.next().await {
        let RunDelivery::Update(update) = delivery else { continue };
        if let RunChange::Run(RunEvent::Task { title, reason: Some(reason), .. }) = &update.change {
            reasons.insert(title.clone(), reason.clone());
        }
    }
    reasons
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_of_a_server_ends_its_task_with_the_reason_and_the_others_go_on() {
    let home = Home::new(&ways());
    let team = team(&home).await;
    let run = team.service.create_run(nobody(), calling(&ways())).await.unwrap();
    let reasons = reasons(&team.service, &run.id).await;
    let record = ended(&team.service, &nobody(), &run.id).await;
    let RunState::Partial { reason } = &record.state else { panic!("{record:?}") };
    assert!(has_answer(&record), "{record:?}");
    for (way, expected) in FAILURES {
        if expected.is_empty() {
            assert_eq!(state(&record, way), TaskState::Done, "{reasons:?}");
            continue;
        }
        assert_eq!(state(&record, way), TaskState::Failed, "{record:?}");
        assert!(reasons[way].contains(expected), "{way}: {reasons:?}");
        assert!(reason.contains(way), "{reason}");
    }
    assert_eq!(state(&record, "Think beside them"), TaskState::Done);
    let huge = record.tasks.iter().find(|task| task.title == "huge-text").unwrap();
    let text = huge.text.as_ref().unwrap();
    assert!(text.len() < 66 << 10 && text.contains("more bytes were cut off"), "{}", text.len());
    let replay = team.service.replay(nobody(), run.id).await.unwrap();
    assert_eq!(replay.difference, None);
    team.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_stopped_while_a_server_hangs_goes_on_with_one_that_does_not() {
    let home = Home::new(&ways());
    let team = team(&home).await;
    let service = &team.service;
    let run = service.create_run(nobody(), calling(&["hangs", "refuses"])).await.unwrap();
    loop {
        let record = service.show(nobody(), run.id.clone()).await.unwrap();
        let others = ["refuses", "Think beside them"];
        let is_over = |title| matches!(state(&record, title), TaskState::Done | TaskState::Failed);
        if record.tasks.len() > 3 && others.into_iter().all(is_over) {
            assert_eq!(state(&record, "hangs"), TaskState::Running);
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stopped = service.stop(nobody(), run.id.clone()).await.unwrap();
    assert_eq!(stopped.state, RunState::Stopped);
    home.mend();
    service.resume(nobody(), run.id.clone()).await.unwrap();
    let record = ended(service, &nobody(), &run.id).await;
    assert!(has_answer(&record), "{record:?}");
    let hung = record.tasks.iter().find(|task| task.title == "hangs").unwrap();
    assert_eq!(hung.text.as_deref(), Some("works"));
    // What had ended before stays as it was.
    assert_eq!(state(&record, "refuses"), TaskState::Failed);
    assert_eq!(service.replay(nobody(), run.id).await.unwrap().difference, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_its_pipe_at_its_start_starts_no_run_and_resumes_none() {
    let home = Home::new(&["closes-at-start"]);
    let team = team(&home).await;
    let service = &team.service;
    let mut new = calling(&["closes-at-start"]);
    new.request.ask = AskPolicy::All;
    let says_why = |error: &RunsError| {
        let text = error.to_string();
        assert!(text.contains("cannot start the MCP server `closes-at-start`"), "{text}");
        assert!(text.contains("no key: set KEY"), "{text}");
    };
    let refused = service.create_run(nobody(), new.clone()).await.unwrap_err();
    assert!(matches!(refused, RunsError::Invalid { .. }), "{refused:?}");
    says_why(&refused);
    assert_eq!(service.list(nobody(), 9).await.unwrap(), []);

    home.mend();
    let run = service.create_run(nobody(), new).await.unwrap();
    rested(service, &nobody(), &run.id).await;
    service.stop(nobody(), run.id.clone()).await.unwrap();
    home.break_again();
    let refused = service.resume(nobody(), run.id.clone()).await.unwrap_err();
    assert!(matches!(refused, RunsError::Conflict { .. }), "{refused:?}");
    says_why(&refused);
    let record = service.show(nobody(), run.id.clone()).await.unwrap();
    assert_eq!(record.state, RunState::Stopped);

    home.mend();
    service.resume(nobody(), run.id.clone()).await.unwrap();
    rested(service, &nobody(), &run.id).await;
    for approval in service.approvals(nobody(), run.id.clone()).await.unwrap() {
        let yes = harmonic_orchestrator::Decision::Approved;
        service.decide(nobody(), run.id.clone(), approval.id, yes, false).await.unwrap();
    }
    let record = ended(service, &nobody(), &run.id).await;
    assert_eq!(state(&record, "closes-at-start"), TaskState::Done, "{record:?}");
}

/// A server of a team that has no tools, and a client of it.
async fn server(home: &Path, settings: &Settings) -> (TeamServer, Client) {
    let listen = ListenConfig::private().with_runs();
    let plan = simulated(&crate::support::settings(home));
    let server = TeamServer::start(plan, listen, settings, &NoObserver).await.unwrap();
    let client = Client::new(&server.url()).unwrap();
    (server, client)
}

fn wanted(ways: &[&str], offer: &ToolOffer, time: Option<Duration>) -> CreateRun {
    let time_ms = time.map(|time| u64::try_from(time.as_millis()).unwrap());
    CreateRun {
        goal: "Call what there is.".to_owned(),
        plan: Some(graph(ways)),
        ask: Some(AskPolicy::Never),
        budget: Some(harmonic_api::runs::BudgetBody { time_ms, ..Default::default() }),
        client_tools: offer.specs().into_iter().map(ClientTool::from).collect(),
        ..CreateRun::default()
    }
}

async fn watched(client: &Client, id: &RunId) -> RunRecord {
    let mut events = client.run_events(id, None).await.unwrap();
    while let Some(event) = events.next().await {
        event.unwrap();
    }
    client.run(id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_a_clients_process_fail_alike_and_a_hanging_one_ends_with_the_runs_time() {
    let home = Home::new(&ways());
    let settings = home.settings();
    let (server, client) = server(home.folder.path(), &settings).await;
    let first = offer(&home).await;
    // More than the others take, less than a call may.
    let time = Some(Duration::from_secs(20));
    let run = client.create_run(&wanted(&ways(), &first, time)).await.unwrap();
    let offering = first.begin(client.clone(), run.id.clone());
    let record = watched(&client, &run.id).await;
    offering.end().await;
    let RunState::Partial { reason } = &record.state else { panic!("{record:?}") };
    assert!(record.answer.is_some(), "{record:?}");
    for (way, expected) in FAILURES {
        let expected = match way {
            "huge-text" => TaskState::Done,
            "hangs" => TaskState::Skipped,
            _ => {
                assert!(reason.contains(expected), "{way}: {reason}");
                TaskState::Failed
            }
        };
        assert_eq!(state(&record, way), expected, "{way}: {reason}");
    }
    assert_eq!(state(&record, "Think beside them"), TaskState::Done);
    assert!(client.replay_run(&run.id).await.unwrap().same);
    server.drain(Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_with_servers_that_another_process_of_its_client_offers() {
    let home = Home::new(&ways());
    let settings = home.settings();
    let (server, client) = server(home.folder.path(), &settings).await;
    let first = offer(&home).await;
    let run = client.create_run(&wanted(&["hangs"], &first, None)).await.unwrap();
    let offering = first.begin(client.clone(), run.id.clone());
    while state(&client.run(&run.id).await.unwrap(), "Think beside them") != TaskState::Done {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.stop_run(&run.id).await.unwrap();
    offering.end().await;
    home.mend();
    client.resume_run(&run.id).await.unwrap();
    let offering = offer(&home).await.begin(client.clone(), run.id.clone());
    let record = watched(&client, &run.id).await;
    offering.end().await;
    assert_eq!(record.tasks[0].text.as_deref(), Some("works"), "{record:?}");
    assert!(has_answer(&record), "{record:?}");
    server.drain(Duration::ZERO).await.unwrap();
}

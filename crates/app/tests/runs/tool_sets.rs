//! Tools that a server is configured with, named by runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use harmonic_api::runs::{RequestedTools, RunApproach, ToolOfferer};
use harmonic_app::runs::{NewRun, ServiceLimits};
use harmonic_app::tool_sets::{NamedPath, ToolSetRequest, ToolSets};
use harmonic_app::{Helper, Settings, ToolProcesses};
use harmonic_gateway::{Runs, RunsError};
use harmonic_orchestrator::{AskPolicy, Decision};
use harmonic_types::{RunState, Task, TaskGraph, TaskIndex, Work};
use serde_json::{Value, json};

use crate::support::{Team, ended, new_run, nobody, rested, settings};

/// Settings of a program that can start no helper: file tools need none.
fn with_tools(home: &Path) -> Settings {
    let helper = Helper { program: home.join("no-program"), arguments: Vec::new() };
    let processes = ToolProcesses { helper, environment: BTreeMap::new() };
    Settings { tool_processes: Some(processes), ..settings(home) }
}

fn path(name: &str, path: &Path) -> NamedPath {
    NamedPath { name: name.to_owned(), path: path.to_owned() }
}

/// A team whose runs may name the workspace `site`.
async fn team(home: &Path) -> Team {
    let folder = home.join("site");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("in.txt"), "forty-two\n").unwrap();
    let request =
        ToolSetRequest { workspaces: vec![path("site", &folder)], ..ToolSetRequest::default() };
    let sets = ToolSets::read(&request, &with_tools(home)).unwrap().unwrap();
    Team::open(home, Arc::new(sets), ServiceLimits::default()).await
}

fn tool(title: &str, tool: &str, arguments: &Value, after: &[u32]) -> Task {
    Task {
        title: title.to_owned(),
        work: Work::Tool {
            tool: tool.to_owned(),
            arguments: arguments.as_object().unwrap().clone(),
        },
        after: after.iter().copied().map(TaskIndex).collect(),
        max_tokens: None,
    }
}

/// Writes `out.txt`, then reads `in.txt`, which is the answer.
fn files(ask: AskPolicy) -> NewRun {
    let write = json!({"path": "out.txt", "content": "written by a run"});
    let graph = TaskGraph::new(vec![
        tool("Write", "workspace.write", &write, &[]),
        tool("Read", "workspace.read", &json!({"path": "in.txt"}), &[0]),
    ]);
    let mut new = new_run(RunApproach::Plan(graph));
    new.request.ask = ask;
    new.request.tools =
        RequestedTools { workspace: Some("site".to_owned()), ..RequestedTools::default() };
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_reads_and_writes_the_workspace_that_it_names_and_its_replay_is_the_same() {
    let home = tempfile::tempdir().unwrap();
    let service = team(home.path()).await.service;
    let run = service.create_run(nobody(), files(AskPolicy::Never)).await.unwrap();
    let record = ended(&service, &nobody(), &run.id).await;
    assert_eq!(record.state, RunState::Done, "{record:?}");
    assert!(record.answer.as_deref().unwrap().contains("forty-two"), "{record:?}");
    let written = std::fs::read_to_string(home.path().join("site/out.txt")).unwrap();
    assert_eq!(written, "written by a run");
    let tools = service.tools(nobody(), run.id.clone()).await.unwrap();
    assert_eq!(tools.client_connected, None);
    assert!(tools.tools.iter().all(|tool| tool.offered_by == ToolOfferer::Server));
    std::fs::remove_file(home.path().join("site/out.txt")).unwrap();
    let replay = service.replay(nobody(), run.id).await.unwrap();
    assert!(replay.same, "{replay:?}");
    assert!(!home.path().join("site/out.txt").exists(), "a replay calls no tool");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_run_has_the_workspace_that_it_named() {
    let home = tempfile::tempdir().unwrap();
    let run = {
        let team = team(home.path()).await;
        let run = team.service.create_run(nobody(), files(AskPolicy::Write)).await.unwrap();
        rested(&team.service, &nobody(), &run.id).await;
        team.service.stop(nobody(), run.id.clone()).await.unwrap();
        run
    };
    let service = team(home.path()).await.service;
    service.resume(nobody(), run.id.clone()).await.unwrap();
    rested(&service, &nobody(), &run.id).await;
    let open = service.approvals(nobody(), run.id.clone()).await.unwrap();
    let decided = service.decide(nobody(), run.id.clone(), open[0].id, Decision::Approved, false);
    decided.await.unwrap();
    let record = ended(&service, &nobody(), &run.id).await;
    assert_eq!(record.state, RunState::Done, "{record:?}");
    assert!(home.path().join("site/out.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_the_server_does_not_have_are_refused_with_those_that_it_has() {
    let home = tempfile::tempdir().unwrap();
    let service = team(home.path()).await.service;
    for (sets, workspace, expected) in [
        (vec!["web"], None, "unknown tool set `web`: this server is configured with no tool set"),
        (vec![], Some("sit"), "unknown workspace `sit` (did you mean `site`?)"),
    ] {
        let mut new = files(AskPolicy::Never);
        new.request.tools.sets = sets.into_iter().map(str::to_owned).collect();
        new.request.tools.workspace = workspace.map(str::to_owned);
        let error = service.create_run(nobody(), new).await.unwrap_err();
        assert!(matches!(error, RunsError::Invalid { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    // A run that names no workspace has none.
    let mut new = files(AskPolicy::Never);
    new.request.tools = RequestedTools::default();
    let error = service.create_run(nobody(), new).await.unwrap_err();
    assert!(error.to_string().contains("workspace.write"), "{error}");
}

#[test]
fn faults_of_the_configuration_are_named() {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let good = file("good.json", r#"{"mcpServers": {"fs": {"command": "sh"}}}"#);
    let typo = file("typo.json", r#"{"mcpServers": {"fs": {"comand": "fs"}}}"#);
    let unset = file("unset.json", r#"{"mcpServers": {"fs": {"command": "${NOSUCH}"}}}"#);
    let large = file("large.json", &" ".repeat((1 << 20) + 1));
    let nothing = file("nothing.json", r#"{"mcpServers": {"fs": {"command": "no-such-program"}}}"#);
    let absent = home.path().join("absent");
    let tools = |paths: &[&Path]| paths.iter().map(|at| path("a", at)).collect::<Vec<_>>();
    let granted = |tool: &str| ToolSetRequest {
        tools: tools(&[&good]),
        granted: vec![tool.to_owned()],
        ..ToolSetRequest::default()
    };
    let with = |tools| ToolSetRequest { tools, ..ToolSetRequest::default() };
    let workspace =
        |at: &Path| ToolSetRequest { workspaces: vec![path("a", at)], ..ToolSetRequest::default() };
    for (request, expected) in [
        (with(tools(&[&absent])), "absent"),
        (with(tools(&[&typo])), "typo.json"),
        (with(tools(&[&unset])), "unset.json"),
        (with(tools(&[&large])), "too long"),
        (with(tools(&[&nothing])), "nothing.json"),
        (with(tools(&[&good, &good])), "`a` is there twice"),
        (workspace(&absent), "invalid workspace"),
        (workspace(&good), "invalid workspace"),
        (ToolSetRequest { allow_run: true, ..with(tools(&[&good])) }, "need a workspace"),
        (granted("web.read"), "unknown tool `web.read`"),
        (granted("workspace.write"), "unknown tool `workspace.write`"),
        (granted("read"), "unknown tool `read`"),
        (
            ToolSetRequest { granted: vec!["workspace.rite".to_owned()], ..workspace(home.path()) },
            "unknown tool `workspace.rite`",
        ),
        (
            ToolSetRequest { granted: vec!["workspace.run".to_owned()], ..workspace(home.path()) },
            "unknown tool `workspace.run`",
        ),
    ] {
        let error = ToolSets::read(&request, &with_tools(home.path())).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    assert!(ToolSets::read(&granted("fs.read"), &with_tools(home.path())).is_ok());
    assert!(ToolSets::read(&granted("fs.read"), &settings(home.path())).is_err());
    let none = ToolSets::read(&ToolSetRequest::default(), &settings(home.path()));
    assert!(none.unwrap().is_none());
}

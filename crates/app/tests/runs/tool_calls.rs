//! Tools with effects, and the questions about them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_api::runs::RunApproach;
use harmonic_app::runs::{NewRun, RunTools, ServiceLimits, ToolRequest, ToolSource};
use harmonic_gateway::{Runs, RunsError};
use harmonic_orchestrator::{AskPolicy, Decision, ToolFailure};
use harmonic_types::{
    RunState, RunToken, Task, TaskGraph, TaskIndex, ToolEffects, ToolOutput, ToolSpec, Work,
};
use serde_json::{Map, json};

use crate::support::{Team, ended, has_answer, new_run, nobody, rested};

/// Tools that append their argument to a file: effects that can be counted.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub file: PathBuf,
    pub effects: ToolEffects,
    /// Time between the effect and the result.
    pub pause: Duration,
    pub granted: bool,
}

impl Ledger {
    pub const TOOL: &str = "ledger.add";

    /// What was added, in order.
    pub fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl RunTools for Ledger {
    fn list(&self) -> Vec<ToolSpec> {
        vec![ToolSpec {
            name: Self::TOOL.to_owned(),
            description: "Adds an entry.".to_owned(),
            input_schema: json!({"type": "object", "properties": {"entry": {"type": "string"}}}),
            effects: self.effects,
        }]
    }

    fn call(&self, request: ToolRequest) -> BoxFuture<'_, Result<ToolOutput, ToolFailure>> {
        use std::io::Write;
        let ToolRequest { arguments, .. } = request;
        async move {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(&self.file);
            // One write: a process that is killed leaves no half of a line.
            file.unwrap().write_all(format!("{arguments}\n").as_bytes()).unwrap();
            tokio::time::sleep(self.pause).await;
            Ok(ToolOutput { text: format!("added {arguments}"), is_error: false, bytes_cut: 0 })
        }
        .boxed()
    }
}

impl ToolSource for Ledger {
    fn open(
        &self,
        _sets: Vec<String>,
        _workspace: Option<String>,
        _token: RunToken,
    ) -> BoxFuture<'_, Result<Arc<dyn RunTools>, String>> {
        futures::future::ready(Ok(Arc::new(self.clone()) as Arc<dyn RunTools>)).boxed()
    }

    fn granted(&self) -> Vec<String> {
        if self.granted { vec![Self::TOOL.to_owned()] } else { Vec::new() }
    }
}

/// `count` calls of the tool, each after an answer of an agent, and a last task that reads them.
pub fn ledger_graph(count: u32) -> TaskGraph {
    let ask = |title: String, after: Vec<TaskIndex>| Task {
        work: Work::Ask {
            agent: "analyst".into(),
            instruction: format!("Say something short: {title}."),
        },
        title,
        after,
        max_tokens: Some(12),
    };
    let mut tasks = Vec::new();
    for number in 0..count {
        tasks.push(ask(format!("Think {number}"), Vec::new()));
        let arguments = Map::from_iter([("entry".to_owned(), json!(format!("entry {number}")))]);
        tasks.push(Task {
            title: format!("Add {number}"),
            work: Work::Tool { tool: Ledger::TOOL.to_owned(), arguments },
            after: vec![TaskIndex(2 * number)],
            max_tokens: None,
        });
    }
    let all = (0..count).map(|number| TaskIndex(2 * number + 1)).collect();
    tasks.push(ask("Sum up".to_owned(), all));
    TaskGraph::new(tasks)
}

fn asking(ask: AskPolicy) -> NewRun {
    let mut new = new_run(RunApproach::Plan(ledger_graph(2)));
    new.request.ask = ask;
    new
}

async fn team(home: &std::path::Path, effects: ToolEffects) -> (Team, Ledger) {
    let file = home.join("ledger");
    let ledger = Ledger { file, effects, pause: Duration::ZERO, granted: false };
    let source = Arc::new(ledger.clone());
    (Team::open(home, source, ServiceLimits::default()).await, ledger)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writing_tool_waits_for_a_yes_and_a_no_is_no_effect() {
    let home = tempfile::tempdir().unwrap();
    let (team, ledger) = team(home.path(), ToolEffects::Writing).await;
    let service = &team.service;
    let run = service.create_run(nobody(), asking(AskPolicy::Write)).await.unwrap();
    assert_eq!(rested(service, &nobody(), &run.id).await.state, RunState::WaitingForApproval);
    assert_eq!(ledger.lines(), Vec::<String>::new());
    let open = service.approvals(nobody(), run.id.clone()).await.unwrap();
    assert_eq!(open.len(), 2);
    for (approval, decision) in open.iter().zip([Decision::Approved, Decision::Denied]) {
        let id = run.id.clone();
        service.decide(nobody(), id.clone(), approval.id, decision, false).await.unwrap();
        // The same answer again is no error, another one is.
        service.decide(nobody(), id.clone(), approval.id, decision, false).await.unwrap();
        let other = match decision {
            Decision::Approved => Decision::Denied,
            Decision::Denied => Decision::Approved,
        };
        let again = service.decide(nobody(), id, approval.id, other, false).await.unwrap_err();
        assert!(matches!(again, RunsError::Conflict { .. }), "{again}");
    }
    let record = ended(service, &nobody(), &run.id).await;
    assert_eq!(ledger.lines().len(), 1, "{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_the_grant_cannot_approve_a_command_of_its_own_run() {
    let home = tempfile::tempdir().unwrap();
    let (team, ledger) = team(home.path(), ToolEffects::Running).await;
    let service = &team.service;
    let run = service.create_run(nobody(), asking(AskPolicy::Write)).await.unwrap();
    rested(service, &nobody(), &run.id).await;
    let open = service.approvals(nobody(), run.id.clone()).await.unwrap();
    let decide =
        |approval, decision, may| service.decide(nobody(), run.id.clone(), approval, decision, may);
    let refused = decide(open[0].id, Decision::Approved, false).await.unwrap_err();
    assert!(matches!(refused, RunsError::NotAllowed { .. }), "{refused}");
    assert_eq!(ledger.lines(), Vec::<String>::new());
    decide(open[0].id, Decision::Approved, true).await.unwrap();
    decide(open[1].id, Decision::Denied, false).await.unwrap();
    ended(service, &nobody(), &run.id).await;
    assert_eq!(ledger.lines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_open_again_after_the_process_has_ended() {
    let home = tempfile::tempdir().unwrap();
    let (team, ledger) = team(home.path(), ToolEffects::Writing).await;
    let run = team.service.create_run(nobody(), asking(AskPolicy::Write)).await.unwrap();
    rested(&team.service, &nobody(), &run.id).await;
    team.service.shut_down();
    let (again, _) = self::team(home.path(), ToolEffects::Writing).await;
    while again.service.recover().await == 0 {
        // The journal is released when the aborted task is dropped.
        tokio::task::yield_now().await;
    }
    rested(&again.service, &nobody(), &run.id).await;
    for approval in again.service.approvals(nobody(), run.id.clone()).await.unwrap() {
        let id = run.id.clone();
        again.service.decide(nobody(), id, approval.id, Decision::Approved, false).await.unwrap();
    }
    let record = ended(&again.service, &nobody(), &run.id).await;
    assert!(has_answer(&record), "{record:?}");
    assert_eq!(ledger.lines().len(), 2);
}

//! Runs that are started from inside of others, and attacks on what they inherit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_api::runs::RunApproach;
use harmonic_app::runs::{
    NewRun, NoTools, RunTools, ServiceLimits, TeamEngine, ToolRequest, ToolSource,
};
use harmonic_engine::Engine;
use harmonic_gateway::{RunOwner, Runs, RunsError};
use harmonic_orchestrator::ToolFailure;
use harmonic_types::{
    Message, Rejection, Request, RequestId, Role, RunBudget, RunId, RunRecord, RunState, RunToken,
    Task, TaskGraph, TaskIndex, ToolEffects, ToolOutput, ToolSpec, Work,
};
use serde_json::{Map, json};
use tokio::sync::watch;

use crate::support::{Team, ended, has_answer, new_run, nobody, rested, short};

/// A tool that returns when the test says so, and the tokens of the runs that it was opened for.
#[derive(Clone, Debug)]
struct Held {
    tokens: Arc<Mutex<Vec<RunToken>>>,
    is_released: Arc<watch::Sender<bool>>,
}

impl Held {
    const TOOL: &str = "held.wait";

    fn new() -> Self {
        Self { tokens: Arc::default(), is_released: Arc::new(watch::Sender::new(false)) }
    }

    fn token(&self, run: usize) -> RunToken {
        self.tokens.lock().unwrap()[run].clone()
    }

    fn release(&self) {
        self.is_released.send_replace(true);
    }
}

impl RunTools for Held {
    fn list(&self) -> Vec<ToolSpec> {
        vec![ToolSpec {
            name: Self::TOOL.to_owned(),
            description: "Waits.".to_owned(),
            input_schema: json!({"type": "object"}),
            effects: ToolEffects::ReadOnly,
        }]
    }

    fn call(&self, request: ToolRequest) -> BoxFuture<'_, Result<ToolOutput, ToolFailure>> {
        let mut released = self.is_released.subscribe();
        async move {
            tokio::select! {
                _ = released.wait_for(|is_released| *is_released) => {
                    Ok(ToolOutput { text: "released".to_owned(), is_error: false, bytes_cut: 0 })
                }
                () = request.cancel.cancelled() => Err(ToolFailure::Cancelled),
            }
        }
        .boxed()
    }
}

impl ToolSource for Held {
    fn open(
        &self,
        _sets: Vec<String>,
        _workspace: Option<String>,
        token: RunToken,
    ) -> BoxFuture<'_, Result<Arc<dyn RunTools>, String>> {
        self.tokens.lock().unwrap().push(token);
        futures::future::ready(Ok(Arc::new(self.clone()) as Arc<dyn RunTools>)).boxed()
    }

    fn granted(&self) -> Vec<String> {
        Vec::new()
    }
}

async fn team(home: &std::path::Path) -> (Team, Held) {
    let held = Held::new();
    (Team::open(home, Arc::new(held.clone()), ServiceLimits::default()).await, held)
}

/// A run that waits in its tool, and then sums up.
fn holding(goal: &str, within: Option<RunToken>) -> NewRun {
    let wait = Task {
        title: "Wait".to_owned(),
        work: Work::Tool { tool: Held::TOOL.to_owned(), arguments: Map::new() },
        after: Vec::new(),
        max_tokens: None,
    };
    let sum = Task {
        title: "Sum up".to_owned(),
        work: Work::Ask { agent: "analyst".into(), instruction: "Sum up.".to_owned() },
        after: vec![TaskIndex(0)],
        max_tokens: Some(24),
    };
    within_run(goal, RunApproach::Plan(TaskGraph::new(vec![wait, sum])), within)
}

fn within_run(goal: &str, approach: RunApproach, within: Option<RunToken>) -> NewRun {
    let mut new = new_run(approach);
    goal.clone_into(&mut new.request.goal);
    new.request.within = within;
    new
}

async fn started(team: &Team, new: NewRun) -> RunId {
    team.service.create_run(nobody(), new).await.unwrap().id
}

async fn refused(team: &Team, owner: RunOwner, new: NewRun) -> RunsError {
    team.service.create_run(owner, new).await.unwrap_err()
}

async fn shown(team: &Team, id: &RunId) -> RunRecord {
    (*team.service.show(nobody(), id.clone()).await.unwrap()).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_from_inside_of_another_has_its_budget_and_is_in_its_record() {
    let home = tempfile::tempdir().unwrap();
    let (team, held) = team(home.path()).await;
    let parent = started(&team, holding("the first goal", None)).await;
    let bound = shown(&team, &parent).await.budget.tokens.unwrap();
    let mut greedy = within_run("another goal", short(), Some(held.token(0)));
    greedy.request.budget = RunBudget { tokens: Some(u64::MAX), ..RunBudget::default() };
    let child = started(&team, greedy).await;
    let below = ended(&team.service, &nobody(), &child).await;
    assert!(has_answer(&below), "{below:?}");
    assert_eq!(below.parent, Some(parent.clone()));
    assert!(below.budget.tokens.unwrap() < bound, "{below:?}");
    assert!(below.spent.tokens() <= below.budget.tokens.unwrap(), "{below:?}");
    // An account of the parent's, as soon as the child's driver has ended.
    let above = loop {
        let record = shown(&team, &parent).await;
        if record.children.iter().all(|child| child.has_ended) {
            break record;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    assert_eq!(above.children[0].id, child);
    assert_eq!(above.children[0].spent.tokens(), below.spent.tokens());
    assert_eq!(above.spent.tokens(), below.spent.tokens(), "its own task has not begun");
    held.release();
    let record = ended(&team.service, &nobody(), &parent).await;
    assert!(has_answer(&record), "{record:?}");
    assert!(record.spent.tokens() > below.spent.tokens() && record.spent.tokens() <= bound);
    let replayed = team.service.replay(nobody(), parent).await.unwrap();
    assert!(replayed.same, "{replayed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_forged_of_another_key_or_of_an_ended_run_starts_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (team, held) = team(home.path()).await;
    let (ada, eve) = (RunOwner(Some("ada".into())), RunOwner(Some("eve".into())));
    let run = team.service.create_run(ada.clone(), holding("a goal", None)).await.unwrap();
    let goal = |token| within_run("another goal", short(), Some(token));
    let forged = RunToken::of([7; RunToken::BYTES]);
    let unknown = refused(&team, ada.clone(), goal(forged)).await;
    assert!(
        matches!(&unknown, RunsError::Conflict { message } if message.contains("HARMONIC_RUN"))
    );
    for stranger in [eve.clone(), nobody()] {
        assert_eq!(refused(&team, stranger, goal(held.token(0))).await, unknown);
    }
    assert_eq!(team.service.list(eve, 10).await.unwrap(), []);
    let inside = team.service.create_run(ada.clone(), goal(held.token(0))).await.unwrap();
    ended(&team.service, &ada, &inside.id).await;
    held.release();
    ended(&team.service, &ada, &run.id).await;
    assert_eq!(refused(&team, ada.clone(), goal(held.token(0))).await, unknown);
    assert_eq!(refused(&team, ada.clone(), goal(held.token(1))).await, unknown);
    assert_eq!(team.service.list(ada, 10).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_and_a_tree_that_is_too_deep_are_refused_and_leave_no_trace() {
    let home = tempfile::tempdir().unwrap();
    let (team, held) = team(home.path()).await;
    let first = started(&team, holding("Name three rivers", None)).await;
    for again in ["Name three rivers", "  name THREE\nrivers "] {
        let error = refused(&team, nobody(), holding(again, Some(held.token(0)))).await;
        assert!(matches!(&error, RunsError::NotAllowed { message } if message.contains("loop")));
    }
    assert_eq!(shown(&team, &first).await.children, []);
    let opened = |held: &Held| held.tokens.lock().unwrap().len();
    let mut new = holding("Name three lakes", Some(held.token(0)));
    // Leaves some for the next one.
    new.request.budget.tokens = Some(3_000);
    started(&team, new).await;
    let second = held.token(opened(&held) - 1);
    let error = refused(&team, nobody(), holding("Name three rivers", Some(second.clone()))).await;
    assert!(matches!(&error, RunsError::NotAllowed { message } if message.contains("loop")));
    let mut new = holding("Name three hills", Some(second));
    new.request.budget.tokens = Some(1_000);
    started(&team, new).await;
    let third = held.token(opened(&held) - 1);
    let error = refused(&team, nobody(), holding("Name three seas", Some(third))).await;
    assert!(matches!(&error, RunsError::NotAllowed { message } if message.contains("3 levels")));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_do_not_share_out_the_same_tokens() {
    let home = tempfile::tempdir().unwrap();
    let (team, held) = team(home.path()).await;
    let parent = started(&team, holding("the first goal", None)).await;
    let bound = shown(&team, &parent).await.budget.tokens.unwrap();
    let first = started(&team, holding("one", Some(held.token(0)))).await;
    let first = shown(&team, &first).await;
    assert!(first.budget.tokens.unwrap() <= bound);
    let error = refused(&team, nobody(), holding("two", Some(held.token(0)))).await;
    assert!(
        matches!(&error, RunsError::NotAllowed { message } if message.contains("no tokens left"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stop_of_a_run_ends_those_inside_of_it_and_they_are_not_resumed_alone() {
    let home = tempfile::tempdir().unwrap();
    let (team, held) = team(home.path()).await;
    let parent = started(&team, holding("the first goal", None)).await;
    let mut new = holding("one", Some(held.token(0)));
    new.request.budget.tokens = Some(3_000);
    let child = started(&team, new).await;
    let grandchild = started(&team, holding("two", Some(held.token(1)))).await;
    let stopped = team.service.stop(nobody(), parent.clone()).await.unwrap();
    assert_eq!(stopped.state, RunState::Stopped);
    for id in [&child, &grandchild] {
        let record = shown(&team, id).await;
        let RunState::Failed { reason } = record.state else { panic!("{record:?}") };
        assert!(reason.contains("from inside of which it was started"), "{reason}");
    }
    let record = shown(&team, &parent).await;
    assert!(record.children[0].has_ended, "{record:?}");
    held.release();
    team.service.resume(nobody(), parent.clone()).await.unwrap();
    assert!(has_answer(&ended(&team.service, &nobody(), &parent).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_inside_of_another_is_not_taken_up_again_by_the_next_process() {
    let home = tempfile::tempdir().unwrap();
    let (team, held) = team(home.path()).await;
    let parent = started(&team, holding("the first goal", None)).await;
    let child = started(&team, holding("one", Some(held.token(0)))).await;
    team.service.shut_down();
    let (again, held) = self::team(home.path()).await;
    while again.service.recover().await == 0 {
        // The journal is released when the aborted task is dropped.
        tokio::task::yield_now().await;
    }
    assert_eq!(rested(&again.service, &nobody(), &child).await.state, RunState::Stopped);
    let error = again.service.resume(nobody(), child).await.unwrap_err();
    assert!(
        matches!(&error, RunsError::Conflict { message } if message.contains("resume that one"))
    );
    held.release();
    assert!(has_answer(&ended(&again.service, &nobody(), &parent).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_team_as_a_model_takes_the_token_too() {
    let home = tempfile::tempdir().unwrap();
    let (team, held) = team(home.path()).await;
    let engine = TeamEngine::auto(team.service.clone(), Arc::clone(&team.members));
    let parent = started(&team, holding("Name three rivers", None)).await;
    let ask = |text: &str, within| Request {
        within: Some(within),
        ..Request::new(RequestId(1), "team".into(), vec![Message::new(Role::User, text)])
    };
    for (text, token, words) in [
        ("Name three lakes", RunToken::of([7; RunToken::BYTES]), "HARMONIC_RUN"),
        ("name three rivers", held.token(0), "loop"),
    ] {
        let error = engine.submit(ask(text, token)).await.err().unwrap();
        assert!(matches!(&error, Rejection::Invalid { message } if message.contains(words)));
    }
    let mut answer = engine.submit(ask("Name three lakes", held.token(0))).await.unwrap();
    while answer.next().await.is_some() {}
    let record = shown(&team, &parent).await;
    assert_eq!(record.children.len(), 1);
    assert!(record.spent.tokens() > 0, "{record:?}");
}

/// A run whose client offers the tool that it waits in.
fn held_by_its_client(goal: &str) -> NewRun {
    let mut new = holding(goal, None);
    new.request.tools.client = Held::new().list();
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_knows_the_token_of_the_process_that_offers_its_tools_now() {
    let home = tempfile::tempdir().unwrap();
    let team = Team::open(home.path(), Arc::new(NoTools), ServiceLimits::default()).await;
    let service = &team.service;
    let [first, second, third] = [1, 2, 3].map(|byte| RunToken::of([byte; RunToken::BYTES]));
    let run = started(&team, held_by_its_client("Name three rivers")).await;
    let offer = |process: &str, token: &RunToken| {
        let process = Some(process.to_owned());
        service.tool_calls(nobody(), run.clone(), process, Some(token.clone()))
    };
    let inside = async |token: &RunToken| {
        let mut new = within_run("Name three lakes", short(), Some(token.clone()));
        new.request.budget.tokens = Some(600);
        let run = service.create_run(nobody(), new).await?;
        Ok::<_, RunsError>(ended(service, &nobody(), &run.id).await.parent)
    };
    assert!(inside(&first).await.is_err(), "nobody has said it");
    let _offered = offer("one", &first).await.unwrap();
    assert_eq!(inside(&first).await.unwrap(), Some(run.clone()));
    // The same process again, and then another one.
    let _offered = offer("one", &first).await.unwrap();
    let _offered = offer("two", &second).await.unwrap();
    assert!(inside(&first).await.is_err(), "its process is gone");
    assert_eq!(inside(&second).await.unwrap(), Some(run.clone()));

    service.stop(nobody(), run.clone()).await.unwrap();
    assert!(inside(&second).await.is_err(), "it is stopped");
    service.resume(nobody(), run.clone()).await.unwrap();
    let _offered = offer("three", &third).await.unwrap();
    assert_eq!(inside(&third).await.unwrap(), Some(run.clone()));

    let other = started(&team, held_by_its_client("Name three hills")).await;
    let taken = service.tool_calls(nobody(), other, None, Some(third)).await.err().unwrap();
    assert!(
        matches!(&taken, RunsError::Conflict { message } if message.contains("another run")),
        "{taken:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_in_what_a_run_leaves() {
    let home = tempfile::tempdir().unwrap();
    let (team, held) = team(home.path()).await;
    let parent = started(&team, holding("the first goal", None)).await;
    started(&team, within_run("another goal", short(), Some(held.token(0)))).await;
    held.release();
    let record = ended(&team.service, &nobody(), &parent).await;
    let tokens = held.tokens.lock().unwrap().clone();
    let is_free = |text: &str| !tokens.iter().any(|token| text.contains(token.as_str()));
    assert!(is_free(&serde_json::to_string(&record).unwrap()));
    let (mut folders, mut files) = (vec![home.path().join("journals")], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                assert!(is_free(&String::from_utf8_lossy(&std::fs::read(path).unwrap())));
            }
        }
    }
    assert!(files > 1, "{files}");
}

//! What fails around a run: engines that die or are full, code that panics, tools that hang.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_api::runs::{RunApproach, RunRequest};
use harmonic_app::runs::{
    NewRun, NoTools, RunService, RunTeam, RunTools, ServiceLimits, TeamMember, ToolRequest,
    ToolSource,
};
use harmonic_engine::{
    AgentSlots, Capabilities, Drained, Engine, EngineError, EngineStatus, Generation, ReslotError,
};
use harmonic_events::EventStream;
use harmonic_gateway::Runs;
use harmonic_orchestrator::{AskPolicy, ToolFailure};
use harmonic_types::{
    Rejection, Request, RunBudget, RunState, RunToken, Task, TaskGraph, TaskIndex, TaskState,
    Tokens, ToolEffects, ToolOutput, ToolSpec, Work,
};
use serde_json::{Map, json};

use crate::settings::settings;
use crate::sim_factory::SimFactory;
use crate::support::{Setup, Team, ended, has_answer, new_run, nobody, short};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_where_its_engine_died_and_ends_as_an_undisturbed_one() {
    let mut records = Vec::new();
    for deaths in [0, 2] {
        let home = tempfile::tempdir().unwrap();
        let events = EventStream::default();
        let left = Arc::new(AtomicU32::new(deaths));
        let quick = SimFactory::quick(events.clone());
        let factory = SimFactory { deaths: Arc::clone(&left), dies_after: 6, ..quick };
        let factory = Arc::new(factory);
        let setup = Setup { factory, events, ..Setup::new(home.path()) };
        let team = Team::of(home.path(), setup).await;
        let mut new = new_run(short());
        // What the dead engines have computed is paid for.
        new.request.budget.tokens = None;
        let run = team.service.create_run(nobody(), new).await.unwrap();
        let record = ended(&team.service, &nobody(), &run.id).await;
        assert_eq!(left.load(Ordering::SeqCst), 0, "it has died as often as it was to");
        let replay = team.service.replay(nobody(), run.id).await.unwrap();
        assert_eq!(replay.difference, None);
        team.idle().await;
        records.push(record);
    }
    assert!(has_answer(&records[0]), "{:?}", records[0]);
    assert_eq!((&records[0].state, &records[0].answer), (&records[1].state, &records[1].answer));
    let spent = |at: usize| records[at].spent.tokens();
    assert!(spent(1) > spent(0), "what the dead engines had computed was paid for, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_again_and_again_ends_the_run_with_its_cause() {
    let home = tempfile::tempdir().unwrap();
    let events = EventStream::default();
    let deaths = Arc::new(AtomicU32::new(u32::MAX));
    let factory = Arc::new(SimFactory { deaths, ..SimFactory::quick(events.clone()) });
    let team = Team::of(home.path(), Setup { factory, events, ..Setup::new(home.path()) }).await;
    // A dead engine counts no prompts, which a bound on tokens is held against.
    let mut wanted = new_run(short());
    wanted.request.budget = RunBudget::default();
    let run = team.service.create_run(nobody(), wanted).await.unwrap();
    let record = ended(&team.service, &nobody(), &run.id).await;
    let RunState::Failed { reason } = &record.state else { panic!("{record:?}") };
    assert!(reason.contains("engine"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_find_the_queue_full_are_made_anew_until_there_is_room() {
    let home = tempfile::tempdir().unwrap();
    let events = EventStream::default();
    let step = Duration::from_micros(300);
    let quick = SimFactory::quick(events.clone());
    let factory = Arc::new(SimFactory { queue_limit: 1, step, ..quick });
    let team = Team::of(home.path(), Setup { factory, events, ..Setup::new(home.path()) }).await;
    // More than have a slot at once.
    let starting = (0..12).map(|_| team.service.create_run(nobody(), new_run(short())));
    let runs = futures::future::try_join_all(starting).await.unwrap();
    for run in runs {
        let record = ended(&team.service, &nobody(), &run.id).await;
        assert!(has_answer(&record), "{record:?}");
        let replay = team.service.replay(nobody(), run.id).await.unwrap();
        assert_eq!(replay.difference, None);
    }
    team.idle().await;
}

/// An engine whose code panics when it is asked.
struct Panics;

impl Engine for Panics {
    fn submit(&self, _request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        panic!("the engine's code fails")
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::TEXT
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        let message = format!("{} cannot count", request.agent);
        futures::future::ready(Err(Rejection::Invalid { message }.into())).boxed()
    }

    fn status(&self) -> EngineStatus {
        harmonic_app::runs::ScriptedEngine::default().status()
    }

    fn reslot(&self, _slots: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        futures::future::ready(Ok(())).boxed()
    }

    fn drain(&self, _grace: Duration) -> BoxFuture<'_, Drained> {
        futures::future::ready(Drained::default()).boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_call_of_an_agent_ends_its_task_and_not_the_run() {
    let home = tempfile::tempdir().unwrap();
    let member = |name: &str| TeamMember {
        name: name.into(),
        tier: harmonic_types::Tier::Executive,
        role: String::new(),
        prompt: String::new(),
        context: 4096,
        parameters: None,
        engine: Arc::new(Panics),
    };
    let members = RunTeam::new("starter", vec![member("executive"), member("analyst")], 2).unwrap();
    let journals = settings(home.path()).journals;
    let limits = ServiceLimits::default();
    let service =
        RunService::open(&journals, Arc::new(members), Arc::new(NoTools), limits).unwrap();
    let run = service.create_run(nobody(), new_run(short())).await.unwrap();
    let record = ended(&service, &nobody(), &run.id).await;
    let RunState::Failed { reason } = &record.state else { panic!("{record:?}") };
    assert!(reason.contains("its code failed"), "{reason}");
    let failed = record.tasks.iter().filter(|task| task.state == TaskState::Failed);
    assert_eq!(failed.count(), 3, "{record:?}");
    assert_eq!(service.replay(nobody(), run.id).await.unwrap().difference, None);
}

/// Tools that behave in the way that their name says.
#[derive(Clone, Copy, Debug)]
struct Misbehaving;

const MISBEHAVIOURS: [&str; 6] =
    ["panics", "panics-at-once", "hangs", "dies", "answers-50-mb", "answers-nonsense"];

impl RunTools for Misbehaving {
    fn list(&self) -> Vec<ToolSpec> {
        let tool = |name: &&str| ToolSpec {
            name: (*name).to_owned(),
            description: "A tool.".to_owned(),
            input_schema: json!({"type": "object"}),
            effects: ToolEffects::ReadOnly,
        };
        MISBEHAVIOURS.iter().map(tool).collect()
    }

    fn call(&self, request: ToolRequest) -> BoxFuture<'_, Result<ToolOutput, ToolFailure>> {
        let name = request.tool;
        assert_ne!(name, "panics-at-once", "as it says");
        let output = |text: String| Ok(ToolOutput { text, is_error: false, bytes_cut: 0 });
        async move {
            match name.as_str() {
                "panics" => panic!("as it says"),
                // Deaf to the cancellation, and to the time that it has.
                "hangs" => std::future::pending().await,
                "dies" => {
                    let message = "the server of the tool has ended".to_owned();
                    Err(ToolFailure::Unknown { message })
                }
                "answers-50-mb" => output("x".repeat(50 << 20)),
                _ => output("\u{0}\u{1b}[2J<|im_end|>\u{202e}\u{fffd}".repeat(20)),
            }
        }
        .boxed()
    }
}

impl ToolSource for Misbehaving {
    fn open(
        &self,
        _sets: Vec<String>,
        _workspace: Option<String>,
        _token: RunToken,
    ) -> BoxFuture<'_, Result<Arc<dyn RunTools>, String>> {
        futures::future::ready(Ok(Arc::new(*self) as Arc<dyn RunTools>)).boxed()
    }

    fn granted(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A call of each tool of [`Misbehaving`] but `without`, and a task that reads what there is.
fn calls_of_all(without: &str) -> TaskGraph {
    let mut tasks: Vec<Task> = MISBEHAVIOURS
        .iter()
        .filter(|tool| **tool != without)
        .map(|tool| Task {
            title: (*tool).to_owned(),
            work: Work::Tool { tool: (*tool).to_owned(), arguments: Map::new() },
            after: Vec::new(),
            max_tokens: None,
        })
        .collect();
    let all = (0..u32::try_from(tasks.len()).unwrap()).map(TaskIndex).collect();
    let work = Work::Ask { agent: "analyst".into(), instruction: "Sum up.".to_owned() };
    tasks.push(Task { title: "Sum up".to_owned(), work, after: all, max_tokens: Some(24) });
    TaskGraph::new(tasks)
}

fn without_a_budget(graph: TaskGraph) -> NewRun {
    let RunRequest { budget, ask, .. } = new_run(short()).request;
    let mut new = new_run(RunApproach::Plan(graph));
    new.request.budget = harmonic_types::RunBudget { tokens: None, ..budget };
    new.request.ask = AskPolicy::Write;
    assert_eq!(ask, AskPolicy::Never);
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_fail_in_any_way_leave_the_others_and_the_answer() {
    let home = tempfile::tempdir().unwrap();
    let team = Team::open(home.path(), Arc::new(Misbehaving), ServiceLimits::default()).await;
    let new = without_a_budget(calls_of_all("hangs"));
    let run = team.service.create_run(nobody(), new).await.unwrap();
    let record = ended(&team.service, &nobody(), &run.id).await;
    assert!(has_answer(&record) && record.state != RunState::Done, "{:?}", record.state);
    for task in record.tasks.iter().filter(|task| task.kind == "tool") {
        let is_done = task.title.starts_with("answers");
        let expected = if is_done { TaskState::Done } else { TaskState::Failed };
        assert_eq!(task.state, expected, "{}", task.title);
        let bytes = task.text.as_ref().map_or(0, String::len);
        assert!(bytes <= 65 << 10, "{} has {bytes} bytes", task.title);
    }
    assert_eq!(team.service.replay(nobody(), run.id).await.unwrap().difference, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_hangs_and_does_not_hear_holds_neither_a_stop_nor_an_end() {
    let home = tempfile::tempdir().unwrap();
    let team = Team::open(home.path(), Arc::new(Misbehaving), ServiceLimits::default()).await;
    let service = &team.service;
    let new = without_a_budget(calls_of_all("none"));
    let run = service.create_run(nobody(), new).await.unwrap();
    // All but the one that hangs.
    loop {
        let record = service.show(nobody(), run.id.clone()).await.unwrap();
        let open = record.tasks.iter().filter(|task| task.state == TaskState::Running);
        if record.tasks.len() > 6 && open.count() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stopped = service.stop(nobody(), run.id.clone()).await.unwrap();
    assert_eq!(stopped.state, RunState::Stopped);
    service.resume(nobody(), run.id.clone()).await.unwrap();
    service.remove(nobody(), run.id.clone()).await.unwrap();
    assert!(service.show(nobody(), run.id).await.is_err());
}

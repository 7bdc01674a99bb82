//! Runs of random plans: those that the simulated engine writes under the schema of plans.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use harmonic_api::runs::{RunApproach, RunMode};
use harmonic_app::runs::ServiceLimits;
use harmonic_events::EventStream;
use harmonic_gateway::Runs;
use harmonic_orchestrator::{Action, CallPurpose, GraphRules, Input, Run, RunEvent, TaskId};
use harmonic_types::{
    FinishReason, RunId, RunRecord, RunState, Sampling, Task, TaskState, ToolEffects, Work,
};

use crate::journals::JournalledRun;
use crate::sim_factory::SimFactory;
use crate::support::{Setup, Team, ended, folder_in_memory, new_run, nobody, settings};
use crate::tool_calls::Ledger;

/// Bounds of the tokens of a run, in turns; the simulated engine has one for each byte. The smallest is
/// enough to plan.
const TOKENS: [u64; 3] = [20_000, 30_000, 40_000];

/// Between two looks whether a run is at rest. Its events, one for each token, would take longer to
/// read than to make.
const LOOK: Duration = Duration::from_millis(20);

/// Runs at once.
const AT_ONCE: usize = 16;

/// What became of the plans of all runs.
#[derive(Debug, Default)]
struct Plans {
    done: u32,
    of_a_recipe: u32,
    tasks: BTreeMap<String, u32>,
}

async fn plans(count: u64) -> Plans {
    let home = folder_in_memory();
    let events = EventStream::default();
    let factory = Arc::new(SimFactory::quick(events.clone()));
    let ledger = Ledger {
        file: home.path().join("ledger"),
        effects: ToolEffects::Writing,
        pause: Duration::ZERO,
        granted: true,
    };
    let mut setup = Setup::new(home.path());
    for agent in &mut setup.plan.agents {
        // Noise needs no order of its tokens.
        agent.spec.sampling = Sampling { top_k: 0, top_p: 1.0, ..Sampling::default() };
    }
    let team = Team::of(
        home.path(),
        Setup {
            tools: Arc::new(ledger),
            limits: ServiceLimits { kept: 2_000, ..ServiceLimits::default() },
            factory,
            events,
            // Enough to plan.
            parameters: 8_000_000_000,
            ..setup
        },
    );
    let team = team.await;
    let journals = settings(home.path()).journals;
    let records =
        futures::stream::iter((0..count).zip(TOKENS.iter().cycle())).map(|(seed, bound)| {
            let mut new = new_run(RunApproach::Mode(RunMode::Team));
            new.request.seed = Some(seed);
            new.request.budget.tokens = Some(*bound);
            let service = team.service.clone();
            async move {
                let run = service.create_run(nobody(), new).await.unwrap();
                let is_open = async |id: &RunId| {
                    service.show(nobody(), id.clone()).await.unwrap().state == RunState::Running
                };
                while is_open(&run.id).await {
                    tokio::time::sleep(LOOK).await;
                }
                // Its last entry is written when nothing drives it any more.
                ended(&service, &nobody(), &run.id).await
            }
        });
    let mut plans = Plans::default();
    let mut records = records.buffer_unordered(AT_ONCE);
    while let Some(record) = records.next().await {
        check(&JournalledRun::read(&journals, &record.id), &record, &mut plans);
        team.service.remove(nobody(), record.id).await.unwrap();
    }
    team.idle().await;
    plans
}

/// Checks a run by its journal.
fn check(journalled: &JournalledRun, record: &RunRecord, plans: &mut Plans) {
    assert!(
        matches!(record.state, RunState::Done | RunState::Partial { .. } | RunState::Failed { .. }),
        "{record:?}"
    );
    let bound = record.budget.tokens.unwrap();
    assert!(TOKENS.contains(&bound) && record.spent.tokens() <= bound, "{record:?}");
    let spec = &journalled.spec;
    let mut of_plans = BTreeSet::new();
    let mut states: BTreeMap<TaskId, TaskState> = BTreeMap::new();
    let run = journalled.fold(|run, input, actions| {
        if let Input::Answered { call, answer } = input
            && of_plans.contains(call)
            && answer.finish == FinishReason::Stop
        {
            assert_well_formed(&answer.text);
        }
        for action in actions {
            match action {
                Action::Call { spec } => {
                    if spec.purpose == CallPurpose::Plan {
                        of_plans.insert(spec.call);
                    }
                    assert_inputs_are_there(run, &spec.title, &record.id);
                }
                Action::CallTool { spec } => {
                    assert_inputs_are_there(run, &spec.title, &record.id);
                }
                Action::Publish { event: RunEvent::Task { task, state, .. } } => {
                    states.insert(*task, *state);
                }
                _ => {}
            }
        }
    });
    assert_eq!(run.record(), *record);
    assert!(!of_plans.is_empty(), "nothing was planned");
    let is_open =
        |state: &TaskState| matches!(state, TaskState::Running | TaskState::WaitingForApproval);
    assert!(!states.values().any(is_open), "{record:?}");
    if let Some(graph) = &record.graph {
        let rules = GraphRules { agents: &spec.agents, tools: &spec.tools, tasks: 64 };
        rules.check(graph).unwrap();
        for task in &graph.tasks {
            let kind = match task.work {
                Work::Ask { .. } => "ask",
                Work::Vote { .. } => "vote",
                Work::Check { .. } => "check",
                Work::Tool { .. } => "tool",
            };
            *plans.tasks.entry(kind.to_owned()).or_default() += 1;
        }
    }
    if record.origin == "plan" {
        plans.done += 1;
    } else {
        plans.of_a_recipe += 1;
    }
}

/// The grammar lets nothing else be written.
fn assert_well_formed(plan: &str) {
    let plan: serde_json::Value = serde_json::from_str(plan).unwrap();
    assert_eq!(plan["mode"], "team");
    for task in plan["tasks"].as_array().unwrap() {
        serde_json::from_value::<Task>(task.clone()).unwrap();
    }
}

/// A task of the graph is begun after its inputs are resolved.
fn assert_inputs_are_there(run: &Run, title: &str, id: &RunId) {
    let record = run.record();
    let Some(graph) = &record.graph else { return };
    let Some(at) = graph.tasks.iter().position(|task| task.title == title) else { return };
    for input in &graph.tasks[at].after {
        let input = usize::try_from(input.0).unwrap();
        let task = record.tasks.iter().find(|task| task.title == graph.tasks[input].title);
        let state = task.unwrap().state;
        let is_there = matches!(state, TaskState::Done | TaskState::Failed | TaskState::Skipped);
        assert!(is_there, "{id}: `{title}` begins before its input {input}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_20_random_plans_end_in_order_within_their_budgets_and_leak_no_slot() {
    let plans = plans(20).await;
    assert!(plans.done > 0, "{plans:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "1,000 plans take minutes: `make test-real`"]
async fn runs_of_1000_random_plans_end_in_order_within_their_budgets_and_leak_no_slot() {
    let plans = plans(1_000).await;
    println!("{plans:?}");
    assert!(plans.done > 0, "{plans:?}");
    assert_eq!(plans.tasks.len(), 4, "each kind of task was done: {plans:?}");
}

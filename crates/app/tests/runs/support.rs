//! A team on the simulated engine, and its service of runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use harmonic_api::runs::{AnswerLength, RequestedTools, RunApproach, RunMode, RunRequest};
use harmonic_app::runs::{
    NewRun, NoTools, RunService, RunTeam, ServiceLimits, TeamMember, ToolSource,
};
use harmonic_app::{NoObserver, Settings, TeamRequest, inspect, plan};
use harmonic_engine::{AgentUse, Engine};
use harmonic_events::EventStream;
use harmonic_gateway::{RunOwner, Runs};
use harmonic_launcher::{Deployment, EngineFactory, NoProgress};
use harmonic_orchestrator::{AskPolicy, RunClass};
use harmonic_types::{
    Bytes, EngineChoice, Plan, RunBudget, RunId, RunRecord, RunState, Task, TaskGraph, TaskIndex,
    Work,
};

pub use crate::settings::settings;
use crate::sim_factory::SimFactory;

/// Seed of runs that are compared.
pub const SEED: u64 = 7;

/// A goal whose parts the recipe `split` finds.
pub const GOAL: &str = "- Name three rivers.\n- Name three mountains.\n- Name three lakes.";

/// A folder for the journals of many runs: in memory where the system has such a file system, since a
/// flush to a disk takes most of their time and tells their tests nothing.
pub fn folder_in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The starter team on simulated engines.
pub fn simulated(settings: &Settings) -> Plan {
    let team = TeamRequest { engine: Some(EngineChoice::Sim), ..TeamRequest::default() };
    let stack = team.resolve(settings).unwrap();
    let hardware = inspect::machine("dgx-spark").unwrap();
    plan::plan(&hardware, &stack, &team, settings, &NoObserver).unwrap()
}

/// A deployment with its team and service of runs.
pub struct Team {
    pub service: RunService,
    pub members: Arc<RunTeam>,
    pub deployment: Deployment,
}

/// What a team is made of.
pub struct Setup {
    pub tools: Arc<dyn ToolSource>,
    pub limits: ServiceLimits,
    pub plan: Plan,
    /// Factory of its engines, which publish to `events`.
    pub factory: Arc<dyn EngineFactory>,
    pub events: EventStream,
    /// Parameters of the agents' models.
    pub parameters: u64,
    /// What stands before each engine.
    pub before: fn(Arc<dyn Engine>) -> Arc<dyn Engine>,
}

impl Setup {
    /// The starter team on simulated engines as quick as this machine, without tools.
    pub fn new(home: &Path) -> Self {
        let plan = simulated(&settings(home));
        let events = EventStream::default();
        let factory = SimFactory::quick(events.clone());
        Self {
            tools: Arc::new(NoTools),
            limits: ServiceLimits::default(),
            plan,
            factory: Arc::new(factory),
            events,
            // Too few to plan.
            parameters: 135_000_000,
            before: |engine| engine,
        }
    }
}

impl Team {
    /// The team whose journals are in `home`, with `tools`.
    pub async fn open(home: &Path, tools: Arc<dyn ToolSource>, limits: ServiceLimits) -> Self {
        Self::of(home, Setup { tools, limits, ..Setup::new(home) }).await
    }

    /// The team of `setup` whose journals are in `home`.
    pub async fn of(home: &Path, setup: Setup) -> Self {
        let Setup { tools, limits, plan, factory, events, parameters, before } = setup;
        let plan = Arc::new(plan);
        let available = Bytes(u64::MAX);
        let deployment =
            Deployment::start(Arc::clone(&plan), factory, available, &events, &NoProgress)
                .await
                .unwrap();
        let members = deployment.agents().map(|agent| TeamMember {
            name: agent.plan.name.clone(),
            tier: agent.plan.tier,
            role: agent.plan.spec.role.clone(),
            prompt: agent.plan.spec.system.clone(),
            context: agent.plan.context.0,
            parameters: Some(parameters),
            engine: before(agent.engine),
        });
        let members = RunTeam::new("starter", members.collect(), plan.max_in_flight).unwrap();
        let members = Arc::new(members.watching(events));
        let journals = settings(home).journals;
        let service = RunService::open(&journals, Arc::clone(&members), tools, limits).unwrap();
        Self { service, members, deployment }
    }

    /// Waits until no request is left on the engines: what was cancelled leaves with the next step.
    pub async fn idle(&self) {
        let busy = |agent: &AgentUse| agent.in_flight + agent.queued + agent.preempted > 0;
        let is_busy = || {
            self.deployment.engines().any(|(_, engine)| {
                let status = engine.status();
                status.agents.iter().any(busy) || status.preparing > 0
            })
        };
        let until_idle = async {
            while is_busy() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_mins(1), until_idle).await;
        ended.expect("a slot has leaked");
    }
}

/// Owner without a key.
pub fn nobody() -> RunOwner {
    RunOwner(None)
}

/// A run of `approach` for [`GOAL`], with [`SEED`].
pub fn new_run(approach: RunApproach) -> NewRun {
    let request = RunRequest {
        goal: GOAL.to_owned(),
        brief: None,
        approach,
        // A simulated model rarely ends an answer by itself.
        budget: RunBudget { tokens: Some(TOKENS), ..RunBudget::default() },
        ask: AskPolicy::Never,
        class: RunClass::Interactive,
        tools: RequestedTools::default(),
        seed: Some(SEED),
        length: AnswerLength::Free,
        within: None,
    };
    NewRun::from(request)
}

/// Bound of the runs' tokens.
pub const TOKENS: u64 = 6_000;

/// The recipe `split`.
pub fn split() -> RunApproach {
    RunApproach::Mode(RunMode::Team)
}

/// Three short answers and a join.
pub fn short() -> RunApproach {
    let ask = |title: String, after: Vec<TaskIndex>| Task {
        work: Work::Ask {
            agent: "analyst".into(),
            instruction: format!("Say something short: {title}."),
        },
        title,
        after,
        max_tokens: Some(24),
    };
    let mut tasks: Vec<Task> =
        (1..=3).map(|number| ask(format!("Part {number}"), Vec::new())).collect();
    tasks.push(ask("Join".to_owned(), (0..3).map(TaskIndex).collect()));
    RunApproach::Plan(TaskGraph::new(tasks))
}

/// Whether a run has its answer. The simulated model rarely ends its turn, so that answers are cut
/// at their bound, and the run says so.
pub fn has_answer(record: &RunRecord) -> bool {
    matches!(record.state, RunState::Done | RunState::Partial { .. }) && record.answer.is_some()
}

/// Waits until the run has ended, was stopped, or waits for a person.
pub async fn rested(service: &RunService, owner: &RunOwner, id: &RunId) -> RunRecord {
    loop {
        let record = service.show(owner.clone(), id.clone()).await.unwrap();
        if record.state != RunState::Running {
            return (*record).clone();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until nothing drives the run any more, and it is at rest.
pub async fn ended(service: &RunService, owner: &RunOwner, id: &RunId) -> RunRecord {
    use futures::StreamExt;
    let mut events = service.events(owner.clone(), id.clone(), None).await.unwrap();
    while events.next().await.is_some() {}
    rested(service, owner, id).await
}

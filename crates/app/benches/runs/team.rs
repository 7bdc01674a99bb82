//! A team on a simulated engine whose steps take no time, with its service of runs.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use harmonic_api::runs::{AnswerLength, RequestedTools, RunApproach, RunRequest};
use harmonic_app::runs::{NewRun, NoTools, RunService, RunTeam, ServiceLimits, TeamMember};
use harmonic_app::{NoObserver, Settings, TeamRequest, inspect, plan};
use harmonic_engine::sim::{self, CostModel};
use harmonic_engine::{Engine, EngineError, Intercepted, LocalConfig};
use harmonic_events::EventStream;
use harmonic_launcher::{Deployment, EngineFactory, NoProgress};
use harmonic_models::catalog;
use harmonic_orchestrator::{AskPolicy, RunClass};
use harmonic_perfmodel::MachineModel;
use harmonic_types::{
    Bytes, BytesPerSecond, EngineChoice, EnginePlan, FlopsPerSecond, KvType, Plan, Request,
    RunBudget, TaskGraph,
};

use crate::settings::settings;
use crate::shapes::TOKENS;

/// Requests, in the order of their submission.
type Requests = Arc<Mutex<Vec<Request>>>;

/// An engine that keeps the requests that it gets.
fn recording(engine: Arc<dyn Engine>, requests: &Requests) -> Arc<dyn Engine> {
    let requests = Arc::clone(requests);
    Arc::new(Intercepted::new(engine, move |engine, request| {
        requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        engine.submit(request)
    }))
}

/// A team, its service, and its one engine.
pub struct Team {
    pub service: RunService,
    pub deployment: Deployment,
    pub engine: Arc<dyn Engine>,
    requests: Requests,
}

impl Team {
    /// The starter team with its journals in `home`.
    pub async fn start(home: &Path) -> anyhow::Result<Self> {
        let settings = settings(home);
        let plan = Arc::new(planned(&settings)?);
        let events = EventStream::default();
        let factory = Arc::new(TimelessFactory { events: events.clone() });
        let deployment =
            Deployment::start(Arc::clone(&plan), factory, Bytes(u64::MAX), &events, &NoProgress)
                .await?;
        let requests = Requests::default();
        let members = deployment.agents().map(|agent| TeamMember {
            name: agent.plan.name.clone(),
            tier: agent.plan.tier,
            role: agent.plan.spec.role.clone(),
            prompt: agent.plan.spec.system.clone(),
            context: agent.plan.context.0,
            parameters: Some(135_000_000),
            engine: recording(agent.engine, &requests),
        });
        let team = RunTeam::new("starter", members.collect(), plan.max_in_flight);
        let team = Arc::new(team.context("the stack has agents")?);
        let engine = deployment.engines().next().map(|(_, engine)| Arc::clone(engine));
        let engine = engine.context("the plan has an engine")?;
        let limits = ServiceLimits::default();
        let service = RunService::open(&settings.journals, team, Arc::new(NoTools), limits)?;
        Ok(Self { service, deployment, engine, requests })
    }

    /// A run of `graph`.
    pub fn wanted(graph: &TaskGraph) -> NewRun {
        let request = RunRequest {
            goal: "Say something about numbers.".to_owned(),
            brief: None,
            approach: RunApproach::Plan(graph.clone()),
            budget: RunBudget::default(),
            ask: AskPolicy::Never,
            class: RunClass::Interactive,
            tools: RequestedTools::default(),
            seed: Some(7),
            length: AnswerLength::Exactly(TOKENS),
            within: None,
        };
        NewRun::from(request)
    }

    /// The requests since the last call.
    pub fn recorded(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Engines whose steps take no time.
struct TimelessFactory {
    events: EventStream,
}

impl EngineFactory for TimelessFactory {
    fn start(&self, plan: &Plan, engine: &EnginePlan) -> Result<Arc<dyn Engine>, EngineError> {
        let config = LocalConfig {
            events: self.events.clone(),
            ..LocalConfig::of(plan, engine, engine.local().expect("an engine of this process"))
        };
        let unknown = || EngineError::Setup {
            id: engine.id.clone(),
            reason: format!("{} is not in the catalog", engine.model),
        };
        let shape = catalog::find(&engine.model).ok_or_else(unknown)?.shape;
        let machine = MachineModel {
            bandwidth: BytesPerSecond(f64::INFINITY),
            compute: FlopsPerSecond(f64::INFINITY),
            overhead: Duration::ZERO,
        };
        Ok(Arc::new(sim::spawn(config, CostModel::new(machine, &shape, KvType::F16))?))
    }

    fn available(&self) -> Option<Bytes> {
        None
    }
}

fn planned(settings: &Settings) -> anyhow::Result<Plan> {
    let team = TeamRequest { engine: Some(EngineChoice::Sim), ..TeamRequest::default() };
    let stack = team.resolve(settings)?;
    let hardware = inspect::machine("dgx-spark")?;
    Ok(plan::plan(&hardware, &stack, &team, settings, &NoObserver)?)
}

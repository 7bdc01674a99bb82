//! Runs in the server of a deployment: its agents as a team, and the team as models beside them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::chat::ThinkingSupport;
use harmonic_engine::{Engine, Health};
use harmonic_events::EventStream;
use harmonic_gateway::{AgentInfo, RegisteredAgent};
use harmonic_hardware::{Sysroot, energy_meter_for};
use harmonic_launcher::{Deployment, PlacedAgent};
use harmonic_orchestrator::Recipe;

use super::energy::{RunEnergy, idle_power};
use super::service::{RunService, ServiceLimits};
use super::team::{RunTeam, TeamMember};
use super::team_engine::TeamEngine;
use super::tools::ToolSource;
use crate::agent_info;
use crate::error::{AppError, Result};
use crate::inspect::ENGINE_DEVICE;

/// Window in which the idle power is measured: many updates of the slowest meters
/// (docs/sources.md#rate-of-power-readings).
const IDLE_WINDOW: Duration = Duration::from_secs(2);

/// The runs of a server.
#[derive(Debug)]
pub(crate) struct ServedRuns {
    pub(crate) service: RunService,
    /// The team as models.
    pub(crate) models: Vec<RegisteredAgent>,
    engines: Engines,
}

#[derive(Clone)]
struct Engines(Vec<Arc<dyn Engine>>);

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Engines").field(&self.0.len()).finish()
    }
}

impl ServedRuns {
    /// The runs of `deployment`, with their journals in `folder` and `tools` to name; `None` where no
    /// agent generates text. `events` are those of its engines.
    pub(crate) fn of(
        deployment: &Deployment,
        folder: &Path,
        tools: Arc<dyn ToolSource>,
        events: &EventStream,
    ) -> Result<Option<Self>> {
        let plan = deployment.plan();
        let generates = |agent: &PlacedAgent<'_>| agent.engine_plan.pooling().is_none();
        let members = deployment.agents().filter(generates).map(member);
        let team = RunTeam::new(plan.stack.clone(), members.collect(), plan.max_in_flight);
        let Some(team) = team.map(|team| Arc::new(team.watching(events.clone()))) else {
            return Ok(None);
        };
        let limits = ServiceLimits::default();
        let service = RunService::open(folder, Arc::clone(&team), tools, limits)
            .map_err(AppError::context("cannot open the journals of runs"))?;
        let recipes = Recipe::builtin().iter().map(|recipe| {
            let engine = TeamEngine::recipe(recipe.name(), service.clone(), Arc::clone(&team));
            (engine, recipe.description().to_owned())
        });
        let auto = TeamEngine::auto(service.clone(), Arc::clone(&team));
        let role = "The whole team: plans or splits the task, and joins the answers".to_owned();
        let models = std::iter::once((auto, role)).chain(recipes);
        // A stack's own agents come first.
        let is_free = |engine: &TeamEngine| team.member(engine.name()).is_none();
        let models = models.filter(|(engine, _)| is_free(engine));
        let models = models.map(|(engine, role)| registered(engine, role)).collect();
        let engines = deployment.engines().map(|(_, engine)| Arc::clone(engine)).collect();
        Ok(Some(Self { service, models, engines: Engines(engines) }))
    }

    /// Lets the runs of an earlier process go on.
    pub(crate) fn recover(&self) -> impl Future<Output = ()> + Send + 'static {
        let service = self.service.clone();
        async move {
            service.recover().await;
        }
    }

    /// Measures the idle power while nothing runs.
    pub(crate) fn measure_idle_power(&self) -> impl Future<Output = ()> + Send + 'static {
        let (service, Engines(engines)) = (self.service.clone(), self.engines.clone());
        async move {
            let opened = tokio::task::spawn_blocking(|| {
                energy_meter_for(&Sysroot::default(), ENGINE_DEVICE)
            });
            // `detect` and `doctor` report a missing or unreadable meter.
            let Ok(Ok(Some(meter))) = opened.await else { return };
            let meter: Arc<dyn harmonic_types::EnergyMeter> = Arc::from(meter);
            let is_idle = || engines.iter().all(|engine| is_idle(&**engine));
            let idle = idle_power(Arc::clone(&meter), IDLE_WINDOW, is_idle).await;
            if let Some(idle) = idle {
                let in_flight = move || engines.iter().map(|engine| in_flight(&**engine)).sum();
                service.set_energy(Arc::new(RunEnergy::new(meter, idle, in_flight)));
            }
        }
    }
}

fn is_idle(engine: &dyn Engine) -> bool {
    let status = engine.status();
    let is_busy = status.agents.iter().any(|agent| agent.in_flight + agent.queued > 0);
    status.health == Health::Ready && !is_busy && status.preparing == 0
}

fn in_flight(engine: &dyn Engine) -> u32 {
    engine.status().agents.iter().map(|agent| agent.in_flight).sum()
}

fn member(agent: PlacedAgent<'_>) -> TeamMember {
    let info = agent_info::agent_info(agent.plan, agent.engine_plan);
    TeamMember {
        name: agent.plan.name.clone(),
        tier: agent.plan.tier,
        role: agent.plan.spec.role.clone(),
        prompt: agent.plan.spec.system.clone(),
        context: agent.plan.context.0,
        parameters: info.weights.map(|weights| weights.shape.parameters),
        engine: agent.engine,
    }
}

fn registered(engine: TeamEngine, role: String) -> RegisteredAgent {
    RegisteredAgent {
        name: engine.name().clone(),
        role,
        model: TeamEngine::NAME.to_owned(),
        context: engine.context(),
        info: AgentInfo {
            thinking: true,
            thinking_support: ThinkingSupport::Switchable,
            ..AgentInfo::default()
        },
        team: Some(engine.approach().clone()),
        engine: Arc::new(engine),
    }
}

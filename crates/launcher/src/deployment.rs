//! Running engines of one plan.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use harmonic_engine::{Drained, Engine};
use harmonic_events::EventStream;
use harmonic_types::{AgentPlan, Bytes, EnginePlan, Finding, Plan};

use crate::engine_factory::{EngineFactory, Progress};
use crate::engine_starter::EngineStarter;
use crate::error::LaunchError;
use crate::restart_policy::RestartLimits;
use crate::supervised::Supervised;
use crate::validate;
use crate::verify_allocation;

/// Running engines and the plan they were started from. An engine that dies is restarted without
/// effect on the others. Dropping the deployment cancels running requests and stops the engines;
/// [`Deployment::drain`] lets running answers finish first.
pub struct Deployment {
    plan: Arc<Plan>,
    /// In the order of the plan, one for each of its engines.
    engines: Vec<Arc<dyn Engine>>,
    findings: Vec<Finding>,
}

/// An agent with an engine, and that engine.
#[derive(Clone)]
pub struct PlacedAgent<'a> {
    /// Its entry in the plan.
    pub plan: &'a AgentPlan,
    /// The plan of its engine.
    pub engine_plan: &'a EnginePlan,
    /// The engine that serves it.
    pub engine: Arc<dyn Engine>,
}

/// Result of draining one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineDrained {
    /// [`EnginePlan::id`].
    pub id: String,
    /// Requests that finished and that were cancelled.
    pub drained: Drained,
}

impl Deployment {
    /// Starts the engines of `plan` one after the other: loading is bound by the disk, and the
    /// memory check of an engine must include the allocations of its predecessors. `available` is
    /// the memory that is free now; the engines' starts, deaths and ends are published to `events`.
    /// Dropping the future stops the engines started so far.
    ///
    /// # Errors
    /// When the plan is invalid or needs more memory than `available`, an engine does not start, or
    /// the engines allocate more than the plan's budget. No engine runs then.
    pub async fn start(
        plan: Arc<Plan>,
        factory: Arc<dyn EngineFactory>,
        available: Bytes,
        events: &EventStream,
        progress: &dyn Progress,
    ) -> Result<Self, LaunchError> {
        validate::check(&plan)?;
        if plan.total_bytes > available {
            return Err(LaunchError::InsufficientMemory { needed: plan.total_bytes, available });
        }
        let mut deployment = Self { plan, engines: Vec::new(), findings: Vec::new() };
        match deployment.start_all(&factory, events, progress).await {
            Ok(()) => Ok(deployment),
            Err(error) => {
                deployment.drain(Duration::ZERO).await;
                Err(error)
            }
        }
    }

    async fn start_all(
        &mut self,
        factory: &Arc<dyn EngineFactory>,
        events: &EventStream,
        progress: &dyn Progress,
    ) -> Result<(), LaunchError> {
        let plan = Arc::clone(&self.plan);
        let budget = plan.hardware.memory_budget_bytes;
        let mut allocated = Bytes::ZERO;
        for (index, planned) in plan.engines.iter().enumerate() {
            progress.starting(planned, index + 1, plan.engines.len());
            let began = Instant::now();
            let factory = Arc::clone(factory);
            let starter = EngineStarter::new(Arc::clone(&plan), index, factory, events.clone());
            let engine = starter.start().await?;
            let real = engine.status().allocation;
            let took = began.elapsed();
            let supervised = Supervised::new(engine, starter, RestartLimits::default(), took);
            self.engines.push(Arc::new(supervised));
            allocated += verify_allocation::total(planned, &real);
            if allocated > budget {
                return Err(LaunchError::OverBudget { allocated, budget });
            }
            self.findings.extend(verify_allocation::findings(planned, &real));
            progress.started(planned, took);
        }
        Ok(())
    }

    /// The plan it was started from.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Allocations above the plan's ledger, found at the start.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The engines, in the order of the plan.
    pub fn engines(&self) -> impl Iterator<Item = (&EnginePlan, &Arc<dyn Engine>)> {
        self.plan.engines.iter().zip(&self.engines)
    }

    /// The agents with an engine, in the order of the stack.
    pub fn agents(&self) -> impl Iterator<Item = PlacedAgent<'_>> {
        self.plan.agents.iter().filter_map(|agent| {
            let (engine_plan, engine) =
                self.engines().find(|(planned, _)| agent.engine.as_ref() == Some(&planned.id))?;
            Some(PlacedAgent { plan: agent, engine_plan, engine: Arc::clone(engine) })
        })
    }

    /// Drains all engines concurrently: each refuses new requests at once, lets running ones finish
    /// for `grace`, and cancels the rest. Results in the order of the plan.
    pub async fn drain(&self, grace: Duration) -> Vec<EngineDrained> {
        let drains = self.engines().map(|(planned, engine)| async move {
            EngineDrained { id: planned.id.clone(), drained: engine.drain(grace).await }
        });
        join_all(drains).await
    }
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployment").field("stack", &self.plan.stack).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PlacedAgent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlacedAgent").field("name", &self.plan.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

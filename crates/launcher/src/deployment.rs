//! A plan that runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use harmonic_engine::{Drained, Engine};
use harmonic_events::EventStream;
use harmonic_types::{AgentPlan, Bytes, EnginePlan, Finding, Plan};

use crate::engine_factory::{EngineFactory, Progress};
use crate::error::LaunchError;
use crate::restart_policy::RestartLimits;
use crate::start::Start;
use crate::supervised::Supervised;
use crate::validate;
use crate::verify_allocation;

/// Running engines and the plan they were started from. An engine that dies is started again, and
/// the others do not notice. Dropping the deployment cancels what runs and stops the engines;
/// [`Deployment::drain`] lets running answers finish first.
pub struct Deployment {
    plan: Arc<Plan>,
    /// In the order of the plan, one for each of its engines.
    engines: Vec<Arc<dyn Engine>>,
    findings: Vec<Finding>,
}

/// An agent that has a place, and the engine that serves it.
#[derive(Clone)]
pub struct PlacedAgent<'a> {
    /// As planned.
    pub plan: &'a AgentPlan,
    /// Its engine, as planned.
    pub on: &'a EnginePlan,
    /// What serves it.
    pub engine: Arc<dyn Engine>,
}

/// How the drain of one engine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineDrained {
    /// [`EnginePlan::id`].
    pub id: String,
    /// How it ended.
    pub drained: Drained,
}

impl Deployment {
    /// Starts the engines of `plan`, one after the other: loading is bound by the disk, and the
    /// memory check of one must see what the one before it took. `available` is the memory that is
    /// free now; what happens to the engines is published to `events`. Dropping the future stops what
    /// was started.
    ///
    /// # Errors
    /// When the plan is unsound, needs more than is available, an engine does not start, or the
    /// engines allocate more than the plan's budget. Nothing runs then.
    pub async fn start(
        plan: Arc<Plan>,
        starter: Arc<dyn EngineFactory>,
        available: Bytes,
        events: &EventStream,
        progress: &dyn Progress,
    ) -> Result<Self, LaunchError> {
        validate::check(&plan)?;
        if plan.total_bytes > available {
            return Err(LaunchError::Memory { needed: plan.total_bytes, available });
        }
        let mut deployment = Self { plan, engines: Vec::new(), findings: Vec::new() };
        match deployment.start_all(&starter, events, progress).await {
            Ok(()) => Ok(deployment),
            Err(error) => {
                deployment.drain(Duration::ZERO).await;
                Err(error)
            }
        }
    }

    async fn start_all(
        &mut self,
        starter: &Arc<dyn EngineFactory>,
        events: &EventStream,
        progress: &dyn Progress,
    ) -> Result<(), LaunchError> {
        let plan = Arc::clone(&self.plan);
        let budget = plan.hardware.memory_budget_bytes;
        let mut allocated = Bytes::ZERO;
        for (index, planned) in plan.engines.iter().enumerate() {
            progress.starting(planned, index + 1, plan.engines.len());
            let began = Instant::now();
            let starter = Arc::clone(starter);
            let start = Start::new(Arc::clone(&plan), index, starter, events.clone());
            let engine = start.start().await?;
            let real = engine.status().allocation;
            let took = began.elapsed();
            let supervised = Supervised::new(engine, start, RestartLimits::default(), took);
            self.engines.push(Arc::new(supervised));
            allocated += verify_allocation::held(planned, &real);
            if allocated > budget {
                return Err(LaunchError::OverBudget { allocated, budget });
            }
            self.findings.extend(verify_allocation::findings(planned, &real));
            progress.started(planned, took);
        }
        Ok(())
    }

    /// What it was started from.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Where the engines allocated more than the plan reckoned with.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The engines, in the order of the plan.
    pub fn engines(&self) -> impl Iterator<Item = (&EnginePlan, &Arc<dyn Engine>)> {
        self.plan.engines.iter().zip(&self.engines)
    }

    /// The agents that have a place, in the order of the stack.
    pub fn agents(&self) -> impl Iterator<Item = PlacedAgent<'_>> {
        self.plan.agents.iter().filter_map(|agent| {
            let (on, engine) =
                self.engines().find(|(planned, _)| agent.engine.as_ref() == Some(&planned.id))?;
            Some(PlacedAgent { plan: agent, on, engine: Arc::clone(engine) })
        })
    }

    /// Stops all engines at once: each refuses new requests from now on, lets running ones finish
    /// for `grace`, cancels the rest. In the order of the plan.
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

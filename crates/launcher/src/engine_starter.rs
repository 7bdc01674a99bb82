//! Start and restart of one engine of a plan.
//!
//! Invariant: each start and each success is published; a death is published by the supervision.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Instant;

use harmonic_engine::Engine;
use harmonic_events::{AgentSlots, EventStream, TeamEvent};
use harmonic_types::{EnginePlan, Plan};

use crate::engine_factory::EngineFactory;
use crate::error::LaunchError;

/// Starter of one engine of a plan.
#[derive(Clone)]
pub(crate) struct EngineStarter {
    plan: Arc<Plan>,
    index: usize,
    factory: Arc<dyn EngineFactory>,
    events: EventStream,
}

impl EngineStarter {
    /// Starter of the engine at `index`, which the plan must have.
    pub(crate) fn new(
        plan: Arc<Plan>,
        index: usize,
        factory: Arc<dyn EngineFactory>,
        events: EventStream,
    ) -> Self {
        Self { plan, index, factory, events }
    }

    /// The plan of the engine.
    pub(crate) fn engine(&self) -> &EnginePlan {
        &self.plan.engines[self.index]
    }

    /// Starts the engine on a thread that may block.
    pub(crate) async fn start(&self) -> Result<Arc<dyn Engine>, LaunchError> {
        let this = self.clone();
        let began = Instant::now();
        self.publish_starting();
        let started = self.blocking(move || this.factory.start(&this.plan, this.engine()));
        let engine = started.await?.map_err(|source| {
            let EnginePlan { id, model, .. } = self.engine();
            LaunchError::Engine { id: id.clone(), model: model.clone(), source }
        })?;
        let (engine_id, took) = (self.engine().id.clone(), began.elapsed());
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.publish(TeamEvent::EngineReady { engine: engine_id, took_ms });
        Ok(engine)
    }

    /// Publishes an event of the engine.
    pub(crate) fn publish(&self, event: TeamEvent) {
        self.events.publish(event);
    }

    fn publish_starting(&self) {
        let EnginePlan { id, model, sequences, agents, .. } = self.engine();
        let served = self.plan.agents.iter().filter(|agent| agents.contains(&agent.name));
        let slots = served.map(|agent| AgentSlots {
            agent: agent.name.clone(),
            slots: agent.slots,
            quota: None,
        });
        self.publish(TeamEvent::EngineStarting {
            engine: id.clone(),
            model: model.clone(),
            sequences: *sequences,
            agents: slots.collect(),
        });
    }

    /// Starts the engine again if the memory it needs is free.
    pub(crate) async fn restart(&self) -> Result<Arc<dyn Engine>, LaunchError> {
        let factory = Arc::clone(&self.factory);
        let available = self.blocking(move || factory.available()).await?;
        let needed = self.engine().total_bytes;
        match available {
            Some(available) if needed > available => {
                let id = self.engine().id.clone();
                Err(LaunchError::EngineMemory { id, needed, available })
            }
            Some(_) | None => self.start().await,
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LaunchError> {
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => Ok(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => {
                    let id = self.engine().id.clone();
                    Err(LaunchError::Panicked { id, message: panic_message(panic) })
                }
                // The task is never aborted; a runtime that shuts down drops this future too.
                Err(error) => resume_unwind(Box::new(error.to_string())),
            },
        }
    }
}

/// Message of a panic.
fn panic_message(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "no message".to_owned(),
        },
    }
}

impl std::fmt::Debug for EngineStarter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineStarter").field("engine", &self.engine().id).finish_non_exhaustive()
    }
}

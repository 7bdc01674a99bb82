//! `GET /slots`: who has which slots now, and who waits for one.
//!
//! Does not do: say whose slot a borrower runs on. Slots are counts, not places: an engine knows how
//! many sequences of an agent run above its own slots, and so how many are lent out in all.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use harmonic_engine::{AgentUse, Capabilities, EngineStatus, Identity};
use serde::Serialize;

use crate::card::public_model_name;
use crate::health::state;
use crate::respond::json;
use crate::shared::Shared;

/// The schema this build writes.
const SCHEMA: &str = "harmonic.slots/1";

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    engines: Vec<EngineSlots>,
}

#[derive(Serialize)]
struct EngineSlots {
    id: String,
    model: String,
    /// What it runs: what a measurement of it is valid for.
    #[serde(flatten)]
    identity: Identity,
    /// What it can do.
    capabilities: Capabilities,
    /// As in `/health`.
    state: &'static str,
    /// Sequences it can run at once.
    sequences: u32,
    /// Sequences that run.
    in_flight: u32,
    /// Those of them that run on slots of other agents.
    lent: u32,
    /// Requests that gave a slot back and wait to go on.
    parked: u32,
    /// Requests that wait and have not run yet.
    queued: u32,
    /// Requests that are not in a queue yet: prompts are tokenised, forms compiled.
    preparing: u32,
    /// In the order of the plan.
    agents: Vec<AgentUse>,
}

impl From<EngineStatus> for EngineSlots {
    fn from(status: EngineStatus) -> Self {
        let (state, _) = state(status.health);
        let sum = |of: fn(&AgentUse) -> u32| status.agents.iter().map(of).sum();
        Self {
            state,
            sequences: status.sequences,
            in_flight: sum(|agent| agent.in_flight),
            lent: sum(|agent| agent.borrowed),
            parked: sum(|agent| agent.preempted),
            queued: sum(|agent| agent.queued),
            preparing: status.preparing,
            id: status.id,
            model: public_model_name(&status.model).into_owned(),
            identity: status.identity,
            capabilities: status.capabilities,
            agents: status.agents,
        }
    }
}

/// The slots of every engine at this moment.
pub(crate) async fn slots(State(shared): State<Arc<Shared>>) -> Response {
    let models = shared.models();
    let engines = models.engines().into_iter().map(|engine| engine.status().into()).collect();
    json(StatusCode::OK, &Report { schema: SCHEMA, engines })
}

//! `GET /slots`: current use of the slots, and queued requests.
//!
//! Does not do: naming the agent whose slot a borrower runs on. Slots are counts: an engine knows
//! how many sequences of an agent exceed its own slots, and so how many slots are lent in total.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use harmonic_engine::{AgentUse, Capabilities, EngineStatus, Identity};
use serde::Serialize;

use crate::agent_info::public_model_name;
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
    /// Model file, format and build: the key of its measurements.
    #[serde(flatten)]
    identity: Identity,
    /// Capabilities of the engine.
    capabilities: Capabilities,
    /// As in `/health`.
    state: &'static str,
    /// Sequences it can run in parallel.
    sequences: u32,
    /// Running sequences.
    in_flight: u32,
    /// Running sequences on borrowed slots.
    #[serde(rename = "lent")]
    borrowed: u32,
    /// Preempted requests that wait to resume.
    #[serde(rename = "parked")]
    preempted: u32,
    /// Queued requests.
    queued: u32,
    /// Requests before the queue: prompts are tokenised, forms compiled.
    preparing: u32,
    /// Use by agent, in the order of the plan.
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
            borrowed: sum(|agent| agent.borrowed),
            preempted: sum(|agent| agent.preempted),
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

/// Current slots of every engine.
pub(crate) async fn slots(State(shared): State<Arc<Shared>>) -> Response {
    let models = shared.models();
    let engines = models.engines().into_iter().map(|engine| engine.status().into()).collect();
    json(StatusCode::OK, &Report { schema: SCHEMA, engines })
}

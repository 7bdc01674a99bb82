//! `GET /health`: state of every engine.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use harmonic_engine::{EngineStatus, Health};
use serde::Serialize;

use crate::agent_info::public_model_name;
use crate::respond::json;
use crate::shared::Shared;

#[derive(Serialize)]
struct Report {
    /// `ok` or `degraded`.
    status: &'static str,
    engines: Vec<EngineReport>,
}

#[derive(Serialize)]
struct EngineReport {
    id: String,
    model: String,
    kind: String,
    /// `ready`, `draining`, `restarting`, `stopped` or `died`.
    state: &'static str,
    /// Reason of its death, or of the last one while it restarts.
    message: Option<String>,
    /// Sequences it can run in parallel.
    sequences: u32,
    /// Running sequences.
    in_flight: u32,
    /// Queued requests.
    queued: u32,
}

/// Name of an engine's state, and the reason of its death.
pub(crate) fn state(health: Health) -> (&'static str, Option<String>) {
    match health {
        Health::Ready => ("ready", None),
        Health::Draining => ("draining", None),
        Health::Stopped => ("stopped", None),
        Health::Restarting { message } => ("restarting", Some(message)),
        Health::Died { message } => ("died", Some(message)),
    }
}

impl From<EngineStatus> for EngineReport {
    fn from(status: EngineStatus) -> Self {
        let (state, message) = state(status.health);
        Self {
            id: status.id,
            model: public_model_name(&status.model).into_owned(),
            kind: status.kind,
            state,
            message,
            sequences: status.sequences,
            in_flight: status.agents.iter().map(|agent| agent.in_flight).sum(),
            queued: status.agents.iter().map(|agent| agent.queued).sum(),
        }
    }
}

/// 200 while every engine is ready, else 503, as load balancers expect.
pub(crate) async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let engines: Vec<EngineReport> =
        shared.models().engines().into_iter().map(|engine| engine.status().into()).collect();
    let ready = engines.iter().all(|engine| engine.state == "ready");
    let (code, status) =
        if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "degraded") };
    json(code, &Report { status, engines })
}

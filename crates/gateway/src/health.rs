//! `GET /health`: whether every engine can serve.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use harmonic_engine::{EngineStatus, Health};
use serde::Serialize;

use crate::card::public_model_name;
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
    /// What is known of its death, or its last one.
    message: Option<String>,
    /// Sequences it can run at once.
    sequences: u32,
    /// Sequences that run.
    in_flight: u32,
    /// Requests that wait.
    queued: u32,
}

/// An engine's state in a word, and what is known of its death.
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

/// 200 while every engine is ready, else 503: what a load balancer expects.
pub(crate) async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let engines: Vec<EngineReport> =
        shared.models().engines().into_iter().map(|engine| engine.status().into()).collect();
    let ready = engines.iter().all(|engine| engine.state == "ready");
    let (code, status) =
        if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "degraded") };
    json(code, &Report { status, engines })
}

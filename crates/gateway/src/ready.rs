//! `GET /ready`: whether requests for every agent would be taken now. For scripts that wait for a
//! team, and for load balancers; `/health` tells what each engine is at.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::health::state;
use crate::respond::json;
use crate::shared::Shared;

#[derive(Serialize)]
struct Report {
    ready: bool,
    /// Engines that take nothing now, each with its state.
    waiting_for: Vec<Waiting>,
}

#[derive(Serialize)]
struct Waiting {
    engine: String,
    /// As in `/health`.
    state: &'static str,
}

/// 200 when every engine takes requests, else 503.
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let models = shared.models();
    let statuses = models.engines().into_iter().map(|engine| engine.status());
    let waiting_for: Vec<Waiting> = statuses
        .map(|status| Waiting { engine: status.id, state: state(status.health).0 })
        .filter(|waiting| waiting.state != "ready")
        .collect();
    let ready = waiting_for.is_empty();
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(code, &Report { ready, waiting_for })
}

//! `GET /ready`: whether requests to every agent are accepted, for scripts that wait for a team and
//! for load balancers. `/health` has the state of each engine.

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
    /// Engines that accept no requests.
    waiting_for: Vec<Waiting>,
}

#[derive(Serialize)]
struct Waiting {
    engine: String,
    /// As in `/health`.
    state: &'static str,
}

/// 200 while every engine accepts requests, else 503.
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

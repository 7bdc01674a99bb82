//! `GET /metrics`: current values of all metrics.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::shared::Shared;

const MEDIA_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// All metrics, with current gauges.
pub(crate) async fn scrape(State(shared): State<Arc<Shared>>) -> Response {
    let models = shared.models();
    let text = shared.metrics.text(models.engines().into_iter().map(|engine| engine.status()));
    (StatusCode::OK, [(CONTENT_TYPE, MEDIA_TYPE)], text).into_response()
}

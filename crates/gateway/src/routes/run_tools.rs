//! Routes of the tools of a run, and of the calls of those that its client offers.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use harmonic_api::runs::AnswerToolCall;

use super::own_run::{OwnRun, Part};
use crate::api_error::ApiError;
use crate::event_chunks::shortened;
use crate::respond::json;
use crate::run_header::offered_token;
use crate::runs::RunsError;
use crate::shared::Shared;
use crate::tool_call_events;

/// Longest id of a call or a process, in bytes.
const MAX_ID: usize = 64;

/// Routes of the tools of a run.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/runs/{id}/tools", get(tools))
        .route("/runs/{id}/tool-calls", get(calls))
        .route("/runs/{id}/tool-calls/{call}", post(answer))
}

async fn tools(OwnRun { own, id }: OwnRun) -> Result<Response, ApiError> {
    Ok(json(StatusCode::OK, &own.runs.tools(own.owner, id).await?))
}

async fn calls(
    State(shared): State<Arc<Shared>>,
    OwnRun { own, id }: OwnRun,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (process, token) = (process(uri.query())?, offered_token(&headers)?);
    let calls = own.runs.tool_calls(own.owner, id, process, token).await?;
    Ok(tool_call_events::streamed(calls, shared.config.ping))
}

/// The process that a listener says it is of.
fn process(query: Option<&str>) -> Result<Option<String>, RunsError> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(None) };
    let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    let named = query.strip_prefix("process=");
    let named =
        named.filter(|name| (1..=MAX_ID).contains(&name.len()) && name.chars().all(allowed));
    let reason = format!(
        "must be 1 to {MAX_ID} letters, digits, dashes and underscores, and the only parameter"
    );
    let invalid = RunsError::Invalid { field: "process".to_owned(), reason };
    named.map(|name| Some(name.to_owned())).ok_or(invalid)
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    OwnRun { own, id }: OwnRun,
    Part(call): Part,
    request: Request,
) -> Result<Response, ApiError> {
    if call.len() > MAX_ID {
        return Err(RunsError::unknown_tool_call(shortened(call)).into());
    }
    let outcome = shared.bodies.json(request, AnswerToolCall::checked).await?;
    own.runs.answer_tool_call(own.owner, id, call, outcome).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

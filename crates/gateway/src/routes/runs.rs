//! Routes of runs.
//!
//! Invariants: every request is for the runs of its own key, with its grants.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use harmonic_api::runs::{ApprovalList, CreateRun, DecideApproval, RunList, RunRequest};
use harmonic_orchestrator::ApprovalId;
use serde::Deserialize;

use super::own_run::{OwnRun, OwnRuns, Part};
use crate::api_error::ApiError;
use crate::event_chunks::{last_event_id, shortened};
use crate::respond::json;
use crate::run_events;
use crate::run_header::run_token;
use crate::runs::RunsError;
use crate::shared::Shared;

/// Runs in a list, at most.
const MAX_LISTED: usize = 1000;

/// Tells browsers not to guess a type: artifacts are text of models and tools.
const NO_SNIFF: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));

/// Routes of runs.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/runs", get(list).post(create))
        .route("/runs/{id}", get(show).delete(remove))
        .route("/runs/{id}/events", get(events))
        .route("/runs/{id}/approvals", get(approvals))
        .route("/runs/{id}/approvals/{n}", post(decide))
        .route("/runs/{id}/stop", post(stop))
        .route("/runs/{id}/resume", post(resume))
        .route("/runs/{id}/replay", post(replay))
        .route("/runs/{id}/artifacts/{task}", get(artifact))
}

async fn create(
    State(shared): State<Arc<Shared>>,
    own: OwnRuns,
    request: Request,
) -> Result<Response, ApiError> {
    let within = run_token(request.headers())?;
    let wanted = shared.bodies.json(request, CreateRun::checked).await?;
    let wanted = RunRequest { within, ..wanted };
    let run = own.runs.create(own.owner, wanted).await?;
    let mut response = json(StatusCode::CREATED, &run);
    if let Ok(place) = HeaderValue::try_from(format!("/runs/{}", run.id)) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

async fn list(own: OwnRuns) -> Result<Response, ApiError> {
    let listed = own.runs.list(own.owner, MAX_LISTED).await?;
    Ok(json(StatusCode::OK, &RunList::new(listed)))
}

async fn show(OwnRun { own, id }: OwnRun) -> Result<Response, ApiError> {
    Ok(json(StatusCode::OK, &*own.runs.show(own.owner, id).await?))
}

async fn events(
    State(shared): State<Arc<Shared>>,
    OwnRun { own, id }: OwnRun,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = last_event_id(&headers)?;
    let events = own.runs.events(own.owner, id, after).await?;
    Ok(run_events::streamed(events, shared.config.ping))
}

async fn approvals(OwnRun { own, id }: OwnRun) -> Result<Response, ApiError> {
    let open = own.runs.approvals(own.owner, id).await?;
    Ok(json(StatusCode::OK, &ApprovalList::new(open)))
}

/// Answers a question, and returns those that are left.
async fn decide(
    State(shared): State<Arc<Shared>>,
    OwnRun { own, id }: OwnRun,
    Part(approval): Part,
    request: Request,
) -> Result<Response, ApiError> {
    let unknown = |name| RunsError::NotFound {
        what: "approval",
        name: shortened(name),
        remedy: "`GET /runs/{id}/approvals` lists the open ones",
    };
    let number = position(&approval).ok_or_else(|| unknown(approval))?;
    let DecideApproval { decision } = shared.bodies.json(request, Ok).await?;
    let OwnRuns { runs, owner, may_approve_commands } = own;
    let (approval, decision) = (ApprovalId(number), decision.into());
    runs.decide(owner.clone(), id.clone(), approval, decision, may_approve_commands).await?;
    Ok(json(StatusCode::OK, &ApprovalList::new(runs.approvals(owner, id).await?)))
}

async fn stop(
    State(shared): State<Arc<Shared>>,
    OwnRun { own, id }: OwnRun,
    request: Request,
) -> Result<Response, ApiError> {
    no_fields(&shared, request).await?;
    Ok(json(StatusCode::OK, &own.runs.stop(own.owner, id).await?))
}

async fn resume(
    State(shared): State<Arc<Shared>>,
    OwnRun { own, id }: OwnRun,
    request: Request,
) -> Result<Response, ApiError> {
    no_fields(&shared, request).await?;
    Ok(json(StatusCode::OK, &own.runs.resume(own.owner, id).await?))
}

async fn replay(
    State(shared): State<Arc<Shared>>,
    OwnRun { own, id }: OwnRun,
    request: Request,
) -> Result<Response, ApiError> {
    no_fields(&shared, request).await?;
    Ok(json(StatusCode::OK, &own.runs.replay(own.owner, id).await?))
}

async fn remove(OwnRun { own, id }: OwnRun) -> Result<Response, ApiError> {
    own.runs.remove(own.owner, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn artifact(OwnRun { own, id }: OwnRun, Part(task): Part) -> Result<Response, ApiError> {
    let number = position(&task).and_then(|task| u32::try_from(task).ok());
    let Some(number) = number else {
        let remedy = "`GET /runs/{id}` lists the tasks, and which are done";
        let name = shortened(task);
        return Err(RunsError::NotFound { what: "artifact", name, remedy }.into());
    };
    let text = own.runs.artifact(own.owner, id, number).await?;
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(CONTENT_TYPE, media_type), NO_SNIFF], text).into_response())
}

/// A number in a path, in its one form.
fn position(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Body of an operation that takes none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}

/// Reads the body of an operation that takes none: absent, or an empty object.
async fn no_fields(shared: &Shared, request: Request) -> Result<(), ApiError> {
    shared
        .bodies
        .read(request, |body| match body.trim_ascii() {
            [] => Ok(()),
            body => harmonic_api::read::<NoFields>(body).map(drop).map_err(ApiError::from),
        })
        .await
}

//! Routes of runs.
//!
//! Invariants: every request is for the runs of its own key, with its grants; an id that has not the
//! form of one is that of no run.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use harmonic_api::runs::{ApprovalList, CreateRun, DecideApproval, RunList, RunRequest};
use harmonic_orchestrator::ApprovalId;
use harmonic_types::RunId;
use serde::Deserialize;

use super::owner;
use crate::access::Caller;
use crate::api_error::ApiError;
use crate::event_chunks::{last_event_id, shortened};
use crate::respond::json;
use crate::run_events;
use crate::run_header::run_token;
use crate::runs::{Runs, RunsError};
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

/// Segments of a path.
pub(super) type Segments<T> = Result<Path<T>, PathRejection>;

async fn create(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let runs = runs(&shared)?;
    let within = run_token(request.headers())?;
    let wanted = shared.bodies.json(request, CreateRun::checked).await?;
    let wanted = RunRequest { within, ..wanted };
    let run = runs.create(owner(caller.as_ref()), wanted).await?;
    let mut response = json(StatusCode::CREATED, &run);
    if let Ok(place) = HeaderValue::try_from(format!("/runs/{}", run.id)) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
) -> Result<Response, ApiError> {
    let listed = runs(&shared)?.list(owner(caller.as_ref()), MAX_LISTED).await?;
    Ok(json(StatusCode::OK, &RunList::new(listed)))
}

async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    id: Segments<String>,
) -> Result<Response, ApiError> {
    let record = runs(&shared)?.show(owner(caller.as_ref()), run_id(segment(id)?)?).await?;
    Ok(json(StatusCode::OK, &*record))
}

async fn events(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    id: Segments<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (runs, id) = (runs(&shared)?, run_id(segment(id)?)?);
    let after = last_event_id(&headers)?;
    let events = runs.events(owner(caller.as_ref()), id, after).await?;
    Ok(run_events::streamed(events, shared.config.ping))
}

async fn approvals(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    id: Segments<String>,
) -> Result<Response, ApiError> {
    let open = runs(&shared)?.approvals(owner(caller.as_ref()), run_id(segment(id)?)?).await?;
    Ok(json(StatusCode::OK, &ApprovalList::new(open)))
}

/// Answers a question, and returns those that are left.
async fn decide(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    segments: Segments<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let runs = runs(&shared)?;
    let (id, approval) = segment(segments)?;
    let id = run_id(id)?;
    let unknown = |name| RunsError::NotFound {
        what: "approval",
        name: shortened(name),
        remedy: "`GET /runs/{id}/approvals` lists the open ones",
    };
    let number = position(&approval).ok_or_else(|| unknown(approval))?;
    let DecideApproval { decision } = shared.bodies.json(request, Ok).await?;
    let owner = owner(caller.as_ref());
    let may_approve = caller.as_ref().is_none_or(|caller| caller.may_approve_commands);
    let approval = ApprovalId(number);
    runs.decide(owner.clone(), id.clone(), approval, decision.into(), may_approve).await?;
    Ok(json(StatusCode::OK, &ApprovalList::new(runs.approvals(owner, id).await?)))
}

async fn stop(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    id: Segments<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (runs, id) = (runs(&shared)?, run_id(segment(id)?)?);
    no_fields(&shared, request).await?;
    Ok(json(StatusCode::OK, &runs.stop(owner(caller.as_ref()), id).await?))
}

async fn resume(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    id: Segments<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (runs, id) = (runs(&shared)?, run_id(segment(id)?)?);
    no_fields(&shared, request).await?;
    Ok(json(StatusCode::OK, &runs.resume(owner(caller.as_ref()), id).await?))
}

async fn replay(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    id: Segments<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (runs, id) = (runs(&shared)?, run_id(segment(id)?)?);
    no_fields(&shared, request).await?;
    Ok(json(StatusCode::OK, &runs.replay(owner(caller.as_ref()), id).await?))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    id: Segments<String>,
) -> Result<Response, ApiError> {
    runs(&shared)?.remove(owner(caller.as_ref()), run_id(segment(id)?)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn artifact(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    segments: Segments<(String, String)>,
) -> Result<Response, ApiError> {
    let runs = runs(&shared)?;
    let (id, task) = segment(segments)?;
    let id = run_id(id)?;
    let number = position(&task).and_then(|task| u32::try_from(task).ok());
    let Some(number) = number else {
        let remedy = "`GET /runs/{id}` lists the tasks, and which are done";
        let name = shortened(task);
        return Err(RunsError::NotFound { what: "artifact", name, remedy }.into());
    };
    let text = runs.artifact(owner(caller.as_ref()), id, number).await?;
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(CONTENT_TYPE, media_type), NO_SNIFF], text).into_response())
}

pub(super) fn runs(shared: &Shared) -> Result<Arc<dyn Runs>, ApiError> {
    shared.models().runs().cloned().ok_or(ApiError::RunsDisabled)
}

/// The segments, or those of no run where they are not UTF-8.
pub(super) fn segment<T>(segments: Segments<T>) -> Result<T, RunsError> {
    segments.map(|Path(segments)| segments).map_err(|_| RunsError::unknown_run("�"))
}

/// The id in a path. What has another form reaches no storage.
pub(super) fn run_id(text: String) -> Result<RunId, RunsError> {
    RunId::parse(&text).ok_or_else(|| RunsError::unknown_run(shortened(text)))
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

//! Routes of OpenAI's responses.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use harmonic_api::openai::responses::{self, ResponsesEncoder, Status, response_id, run_of};
use harmonic_types::{RequestId, RunId, RunState};
use serde_json::json;
use tokio::time::Instant;
use tracing::Span;

use super::owner;
use crate::access::Caller;
use crate::answer::{self, PreparedRequest};
use crate::api_error::ApiError;
use crate::event_chunks::shortened;
use crate::metrics::RequestMetrics;
use crate::respond::json;
use crate::responses::{
    BackgroundResponse, Question, ResponsesError, document, follow_run, of_response, streamed,
    streamed_run,
};
use crate::runs::{RunOwner, Runs, RunsError};
use crate::shared::Shared;

mod query;

use query::ReadQuery;

/// Routes of OpenAI's responses.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/responses", post(create))
        .route("/v1/responses/{id}", get(read).delete(remove))
        .route("/v1/responses/{id}/cancel", post(cancel))
}

async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    caller: Option<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let prepared = answer::read(&shared, id, request, responses::parse).await?;
    if prepared.encoder.is_background() {
        begin(&shared, began, owner(caller.as_ref()), prepared).await
    } else {
        answer::answer_prepared(shared, began, prepared).await
    }
}

/// Starts a response in the background.
async fn begin(
    shared: &Arc<Shared>,
    began: Instant,
    owner: RunOwner,
    prepared: PreparedRequest<ResponsesEncoder>,
) -> Result<Response, ApiError> {
    let PreparedRequest { agent, requests, streamed: is_streamed, ignored, mut encoder } = prepared;
    let models = shared.models();
    let (agent, agent_header) = models.find(&agent)?;
    Span::current().record("agent", agent.name.0.as_str());
    let mut metrics = RequestMetrics::open(Arc::clone(&shared.metrics), &agent.name, began);
    let requests = requests.map_err(|error| metrics.record_failure(error))?;
    let [request] = <[_; 1]>::try_from(requests).expect("a response is one answer");
    let kept = Arc::clone(&shared.responses);
    let response = if let (Some(approach), Some(runs)) = (&agent.team, models.runs()) {
        let started = runs.answer(owner.clone(), approach.clone(), request).await;
        let (run, generation) = started.map_err(|error| metrics.record_failure(error.into()))?;
        encoder.set_id(response_id(&run));
        let response = Arc::new(BackgroundResponse::new(owner, Some(run), encoder));
        // Where there is no room its stream is not kept, but its run is.
        let _ = kept.insert(Arc::clone(&response));
        let (followed, runs) = (Arc::clone(&response), Arc::clone(runs));
        kept.spawn({
            let kept = Arc::clone(&kept);
            async move { follow_run(followed, generation, metrics, runs, &kept).await }
        });
        response
    } else {
        let response = Arc::new(BackgroundResponse::new(owner, None, encoder));
        kept.insert(Arc::clone(&response)).map_err(|error| metrics.record_failure(error.into()))?;
        let question = Question {
            agent: agent.name.clone(),
            engine: Arc::clone(&agent.engine),
            request,
            queue_timeout: shared.config.queue_timeout,
        };
        kept.spawn(crate::responses::answer(Arc::clone(&response), question, metrics));
        response
    };
    let mut answer = if is_streamed {
        streamed(response, None, shared.config.ping)
    } else {
        json(StatusCode::OK, &response.document())
    };
    answer::set_headers(&mut answer, agent_header, ignored);
    Ok(answer)
}

/// Segment of a path.
type Id = Result<Path<String>, PathRejection>;

/// A response of one key.
struct Found {
    id: String,
    owner: RunOwner,
    /// Where it is in memory.
    response: Option<Arc<BackgroundResponse>>,
    /// The run that it is, if its id is that of one.
    run: Option<(Arc<dyn Runs>, RunId)>,
}

/// The response `id`, which may be one of nobody where its id is that of a run.
fn find(shared: &Shared, caller: Option<&Caller>, id: Id) -> Result<Found, ApiError> {
    let id = id.map_or_else(|_| "\u{fffd}".to_owned(), |Path(id)| id);
    let owner = owner(caller);
    let response = shared.responses.find(&owner, &id);
    let run = shared.models().runs().cloned().zip(run_of(&id));
    if response.is_none() && run.is_none() {
        return Err(ResponsesError::NotFound { id: shortened(id) }.into());
    }
    Ok(Found { id, owner, response, run })
}

impl Found {
    /// The response now.
    async fn document(&self) -> Result<responses::Response, ApiError> {
        match (&self.response, &self.run) {
            (Some(response), run) => {
                let mut now = response.document();
                let is_open = matches!(now.status, Status::Queued | Status::InProgress);
                // A run that was stopped may go on, and one that has ended is known to it first.
                if let Some((runs, run)) = run
                    && (is_open || now.status == Status::Cancelled)
                {
                    let record = runs.show(self.owner.clone(), run.clone()).await;
                    let record = record.map_err(|error| of_response(error, &self.id))?;
                    let runs_on =
                        matches!(record.state, RunState::Running | RunState::WaitingForApproval);
                    if !(is_open && runs_on) {
                        now.apply_record(&record);
                    }
                }
                Ok(now)
            }
            (None, Some((runs, run))) => {
                document(runs, self.owner.clone(), run.clone(), &self.id).await
            }
            (None, None) => Err(ResponsesError::NotFound { id: self.id.clone() }.into()),
        }
    }
}

async fn read(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    id: Id,
    uri: Uri,
) -> Result<Response, ApiError> {
    let found = find(&shared, caller.as_ref(), id)?;
    let query = ReadQuery::parse(uri.query().unwrap_or_default())?;
    if !query.is_streamed {
        return Ok(json(StatusCode::OK, &found.document().await?));
    }
    let ping = shared.config.ping;
    match (found.response, found.run) {
        (Some(response), _) => {
            response.check_after(query.after)?;
            Ok(streamed(response, query.after, ping))
        }
        (None, Some((runs, run))) => {
            streamed_run(runs, found.owner, run, &found.id, query.after, ping).await
        }
        (None, None) => Err(ResponsesError::NotFound { id: found.id }.into()),
    }
}

async fn cancel(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    id: Id,
) -> Result<Response, ApiError> {
    let found = find(&shared, caller.as_ref(), id)?;
    match &found.run {
        Some((runs, run)) => {
            if let Some(response) = &found.response {
                response.expect_cancel();
            }
            match runs.stop(found.owner.clone(), run.clone()).await {
                Ok(_) => {
                    if let Some(response) = &found.response {
                        response.cancel();
                        response.until_ended().await;
                    }
                }
                // One that has ended stays as it is.
                Err(RunsError::Conflict { .. }) => {}
                Err(error) => return Err(of_response(error, &found.id)),
            }
        }
        None => {
            if let Some(response) = &found.response {
                response.cancel();
                response.until_ended().await;
            }
        }
    }
    Ok(json(StatusCode::OK, &found.document().await?))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    id: Id,
) -> Result<Response, ApiError> {
    let found = find(&shared, caller.as_ref(), id)?;
    if let Some((runs, run)) = &found.run {
        if let Some(response) = &found.response {
            response.expect_cancel();
        }
        let removed = runs.remove(found.owner.clone(), run.clone()).await;
        removed.map_err(|error| of_response(error, &found.id))?;
    }
    if let Some(response) = &found.response {
        response.cancel();
        shared.responses.remove(response);
    }
    let id = found.id;
    Ok(json(StatusCode::OK, &json!({"id": id, "object": "response", "deleted": true})))
}

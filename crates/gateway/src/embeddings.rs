//! Requests for embeddings, from the body to the vectors; the same for every dialect.
//!
//! Invariants: as for other answers, nothing is sent before the engine has admitted or refused the
//! request, and a dropped handler cancels it.

use std::sync::Arc;

use axum::extract::{Extension, Request as HttpRequest, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use bytes::BytesMut;
use harmonic_api::{EmbeddingsMeta, Finish, Ignored, ParsedEmbeddings, ValidationError};
use harmonic_engine::Vectors;
use harmonic_types::{EmbeddingRequest, RequestId, Usage};
use tokio::time::Instant;
use tracing::Span;

use crate::answer::{AGENT, IGNORED, QUEUE_MS, SLOT, client_name, milliseconds};
use crate::api_error::ApiError;
use crate::capability;
use crate::metrics::RequestMetrics;
use crate::respond::json_body;
use crate::shared::Shared;

/// Parser of a dialect's body.
pub(crate) type Parser = fn(&[u8]) -> Result<ParsedEmbeddings, ValidationError>;

/// Route of the requests that `parse` accepts.
pub(crate) fn route(parse: Parser) -> MethodRouter<Arc<Shared>> {
    post(
        move |State(shared): State<Arc<Shared>>,
              Extension(id): Extension<RequestId>,
              request: HttpRequest| { embed(shared, id, request, parse) },
    )
}

async fn embed(
    shared: Arc<Shared>,
    id: RequestId,
    request: HttpRequest,
    parse: Parser,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let client = client_name(&request);
    let parsed = shared.bodies.read(request, move |body| Ok(parse(body)?)).await?;
    let ParsedEmbeddings { agent, inputs, truncate, dimensions, ignored, encoder } = parsed;

    let models = shared.models();
    let (agent, agent_header) = models.find(&agent)?;
    let span = Span::current();
    span.record("agent", agent.name.0.as_str());
    let mut metrics = RequestMetrics::open(Arc::clone(&shared.metrics), &agent.name, began);
    capability::check_embeddings(agent, models.agents(), dimensions)
        .map_err(|error| metrics.record_failure(error))?;
    if inputs.is_empty() {
        // Ollama's clients ask so whether a model is there.
        let meta = EmbeddingsMeta { total: began.elapsed(), ..EmbeddingsMeta::default() };
        metrics.finished(Finish::Stop, Usage::default(), 1);
        return Ok(response(&ignored, |out| encoder.document(Vectors::new(), meta, out)));
    }
    let agent_name = agent.name.clone();
    let request = EmbeddingRequest { id, client, agent: agent_name.clone(), inputs, truncate };
    let waited = shared.config.queue_timeout;
    // At the timeout, dropping the future removes the request from the queue.
    let run = match tokio::time::timeout(waited, agent.engine.embed(request)).await {
        Ok(submitted) => submitted.map_err(ApiError::from),
        Err(_) => Err(ApiError::QueueTimeout { agent: agent_name, waited }),
    };
    let run = run.map_err(|error| metrics.record_failure(error))?;
    let admitted = run.admitted();
    metrics.admitted(admitted.queued);
    span.record("slot", admitted.slot);
    span.record("queue_ms", milliseconds(admitted.queued));
    let vectors = run.vectors().await.map_err(|failure| {
        metrics.record_failure(match failure {
            Some(message) => ApiError::EngineFailed { message },
            None => ApiError::Cancelled,
        })
    })?;
    let prompt_tokens = admitted.prompt_tokens;
    span.record("status", StatusCode::OK.as_u16());
    let usage = Usage { prompt_tokens, completion_tokens: 0, cached_tokens: 0 };
    metrics.finished(Finish::Stop, usage, vectors.len());
    let (total, queued) = (began.elapsed(), admitted.queued);
    let meta = EmbeddingsMeta { dimensions, prompt_tokens, total, queued };
    let mut response = response(&ignored, |out| encoder.document(vectors, meta, out));
    let headers = response.headers_mut();
    headers.insert(AGENT, agent_header);
    headers.insert(SLOT, HeaderValue::from(admitted.slot));
    headers.insert(QUEUE_MS, HeaderValue::from(milliseconds(queued)));
    Ok(response)
}

/// The response that `write` writes, with the parts of the body that had no effect.
fn response(ignored: &Ignored, write: impl FnOnce(&mut BytesMut)) -> Response {
    let mut out = BytesMut::new();
    write(&mut out);
    let mut response = json_body(StatusCode::OK, out);
    if let Some(line) = ignored.line() {
        let line = HeaderValue::try_from(line).expect("printable ASCII");
        response.headers_mut().insert(IGNORED, line);
    }
    response
}

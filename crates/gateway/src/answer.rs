//! Handling of a request to an agent, from its body to the answer; the same for every dialect.
//!
//! Invariants: the status line is sent after the engine has admitted or refused every answer of the
//! request; dropping the handler's future or the response's body (hyper does both when the client
//! disconnects) drops the submissions or the [`Generation`]s, and so cancels the request.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request as HttpRequest, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use bytes::BytesMut;
use futures::future::try_join_all;
use harmonic_api::{
    CollectedAnswer, Finish, ParsedRequest, ResponseEncoder, ResponseMeta, ValidationError, total,
};
use harmonic_engine::Generation;
use harmonic_engine::chat::ThinkingSupport;
use harmonic_types::{AgentName, ClientName, Event, Request, RequestId, ToolChoice, Usage};
use tokio::time::Instant;
use tracing::Span;

use crate::access::Caller;
use crate::api_error::ApiError;
use crate::capability;
use crate::connections::Peer;
use crate::metrics::RequestMetrics;
use crate::model_registry::ModelRegistry;
use crate::respond::json_body;
use crate::run_header::run_token;
use crate::shared::{Shared, unix_now};

mod stream;

/// Name of the agent.
pub(crate) const AGENT: HeaderName = HeaderName::from_static("x-harmonic-agent");
/// Slot of the answer; of several answers, that of the first.
pub(crate) const SLOT: HeaderName = HeaderName::from_static("x-harmonic-slot");
/// Time in the queue, in milliseconds; of several answers, the longest.
pub(crate) const QUEUE_MS: HeaderName = HeaderName::from_static("x-harmonic-queue-ms");

/// Fields of the body that had no effect.
pub(crate) const IGNORED: HeaderName = HeaderName::from_static("x-harmonic-ignored");

/// Parser of a dialect's body.
pub(crate) type Parser<W> = fn(&[u8], &ResponseMeta) -> Result<ParsedRequest<W>, ValidationError>;

/// Route of the requests that `parse` accepts.
pub(crate) fn route<W: ResponseEncoder>(parse: Parser<W>) -> MethodRouter<Arc<Shared>> {
    post(
        move |State(shared): State<Arc<Shared>>,
              Extension(id): Extension<RequestId>,
              request: HttpRequest| { answer(shared, id, request, parse) },
    )
}

async fn answer<W: ResponseEncoder>(
    shared: Arc<Shared>,
    id: RequestId,
    request: HttpRequest,
    parse: Parser<W>,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let prepared = read(&shared, id, request, parse).await?;
    answer_prepared(shared, began, prepared).await
}

/// Receives the body of a request, and parses and checks it.
pub(crate) async fn read<W: ResponseEncoder>(
    shared: &Arc<Shared>,
    id: RequestId,
    request: HttpRequest,
    parse: Parser<W>,
) -> Result<PreparedRequest<W>, ApiError> {
    let meta = ResponseMeta { id, name: shared.answer_name(id), created: unix_now() };
    let models = shared.models();
    let (client, within) = (client_name(&request), run_token(request.headers())?);
    let read = {
        let shared = Arc::clone(shared);
        move |body: &[u8]| {
            let mut parsed = parse(body, &meta)?;
            parsed.request.within = within;
            prepare(&shared, &models, client, parsed)
        }
    };
    shared.bodies.read(request, read).await
}

/// Answers a request that arrived at `began`.
pub(crate) async fn answer_prepared<W: ResponseEncoder>(
    shared: Arc<Shared>,
    began: Instant,
    prepared: PreparedRequest<W>,
) -> Result<Response, ApiError> {
    let PreparedRequest { requests, streamed, ignored, encoder, agent } = prepared;
    let models = shared.models();
    let (agent, agent_header) = models.find(&agent)?;
    let span = Span::current();
    span.record("agent", agent.name.0.as_str());
    let mut metrics = RequestMetrics::open(Arc::clone(&shared.metrics), &agent.name, began);
    let requests = requests.map_err(|error| metrics.record_failure(error))?;
    let requests = requests.into_iter();
    // The refusal of one answer drops the futures of the others, and so cancels them.
    let submitted = try_join_all(requests.map(|request| agent.engine.submit(request)));
    // At the timeout, dropping the futures removes the waiting requests from the queue.
    let waited = shared.config.queue_timeout;
    let submitted = match tokio::time::timeout(waited, submitted).await {
        Ok(submitted) => submitted.map_err(ApiError::from),
        Err(_) => Err(ApiError::QueueTimeout { agent: agent.name.clone(), waited }),
    };
    let generations = submitted.map_err(|error| metrics.record_failure(error))?;
    let admission = admission_of(&generations);
    if let Some((slot, queued)) = admission {
        metrics.admitted(queued);
        span.record("slot", slot);
        span.record("queue_ms", milliseconds(queued));
    }

    let mut response = if streamed {
        stream::response(encoder, generations, metrics, shared.config.ping)
    } else {
        complete(encoder, generations, metrics).await?
    };
    set_headers(&mut response, agent_header, ignored);
    let headers = response.headers_mut();
    if let Some((slot, queued)) = admission {
        headers.insert(SLOT, HeaderValue::from(slot));
        headers.insert(QUEUE_MS, HeaderValue::from(milliseconds(queued)));
    }
    Ok(response)
}

/// Sets the headers that do not depend on the engine.
pub(crate) fn set_headers(response: &mut Response, agent: HeaderValue, ignored: Option<String>) {
    let headers = response.headers_mut();
    headers.insert(AGENT, agent);
    if let Some(line) = ignored {
        headers.insert(IGNORED, HeaderValue::try_from(line).expect("printable ASCII"));
    }
}

/// Identity of the client: the name of its key, else its address as in the limits of connections.
pub(crate) fn client_name(request: &HttpRequest) -> ClientName {
    let extensions = request.extensions();
    let key = extensions.get::<Caller>().map(|caller| format!("key {}", caller.name));
    let peer = || extensions.get::<Peer>().map(|Peer(address)| format!("address {address}"));
    ClientName::from(key.or_else(peer).unwrap_or_default().as_str())
}

/// A parsed and checked request, ready to be submitted.
pub(crate) struct PreparedRequest<W> {
    pub(crate) agent: AgentName,
    /// One request for each answer, or the error of the checks.
    pub(crate) requests: Result<Vec<Request>, ApiError>,
    pub(crate) streamed: bool,
    /// Fields of the body without effect, for the header.
    pub(crate) ignored: Option<String>,
    pub(crate) encoder: W,
}

/// Checks a parsed request on the thread that parsed it, before it is queued.
fn prepare<W>(
    shared: &Shared,
    models: &ModelRegistry,
    client: ClientName,
    mut parsed: ParsedRequest<W>,
) -> Result<PreparedRequest<W>, ApiError> {
    parsed.request.client = client;
    let (agent, _) = models.find(&parsed.request.agent)?;
    let Request { tool_choice, strict_tools, .. } = &parsed.request;
    let capabilities = agent.engine.capabilities();
    if *tool_choice == ToolChoice::Auto && !strict_tools.is_empty() && !capabilities.strict_tools {
        parsed.ignored.strict_tools();
    }
    // Clients send a context by default, so it is ignored instead of refused.
    if parsed.request.context.is_some() && !capabilities.request_context {
        parsed.ignored.context(parsed.fields.context);
    }
    let Request { thinking, effort, .. } = parsed.request;
    let wants_thinking = thinking == Some(true) || (thinking.is_none() && effort.is_some());
    match agent.info.thinking_support {
        ThinkingSupport::Always if thinking == Some(false) => parsed.ignored.thinking(),
        ThinkingSupport::Never if wants_thinking => parsed.ignored.no_thinking(),
        ThinkingSupport::Never | ThinkingSupport::Switchable | ThinkingSupport::Always => {}
    }
    let (name, streamed, ignored) = (agent.name.clone(), parsed.streamed, parsed.ignored.line());
    let supported = capability::check(agent, &capabilities, &parsed.request, &parsed.fields);
    let checked = supported.and_then(|()| Ok(agent.engine.check(&parsed.request)?));
    let (requests, encoder) = parsed.into_requests(|| shared.next_id());
    let requests = checked.map(|()| requests.collect());
    Ok(PreparedRequest { agent: name, requests, streamed, ignored, encoder })
}

/// Slot of the first answer, and the longest time in the queue.
fn admission_of(generations: &[Generation]) -> Option<(u32, Duration)> {
    let slot = generations.first()?.admitted().slot;
    let longest = generations.iter().map(|one| one.admitted().queued).max()?;
    Some((slot, longest))
}

pub(crate) fn milliseconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

/// Result of a generation, from its last event.
pub(crate) fn result_of(event: Option<Event>) -> Result<(Finish, Usage), ApiError> {
    match event {
        Some(Event::Finished { reason, usage }) => {
            Ok((Finish::of(reason).ok_or(ApiError::Cancelled)?, usage))
        }
        Some(Event::FormBroken { message }) => Err(ApiError::FormBroken { message }),
        Some(Event::Failed { message }) => Err(ApiError::EngineFailed { message }),
        // Every generation ends with one of these, unless its engine was lost.
        Some(_) | None => Err(ApiError::EngineFailed {
            message: "it stopped in the middle of the answer".to_owned(),
        }),
    }
}

/// Whether `event` is the last of its generation.
pub(crate) fn is_last(event: Option<&Event>) -> bool {
    matches!(
        event,
        Some(Event::Finished { .. } | Event::FormBroken { .. } | Event::Failed { .. }) | None
    )
}

async fn complete<W: ResponseEncoder>(
    encoder: W,
    generations: Vec<Generation>,
    mut metrics: RequestMetrics,
) -> Result<Response, ApiError> {
    // The failure of one answer cancels the others.
    let collecting = generations.into_iter().map(|generation| collect(generation, &metrics));
    let answers = try_join_all(collecting).await.map_err(|error| metrics.record_failure(error))?;
    let usage = total(answers.iter().map(|answer| answer.usage));
    if let Some(first) = answers.first() {
        // Before the log line of `finished`, which has the span's fields.
        Span::current().record("status", StatusCode::OK.as_u16());
        metrics.finished(first.finish, usage, answers.len());
    }
    let mut out = BytesMut::new();
    encoder.document(answers, usage, &mut out);
    Ok(json_body(StatusCode::OK, out))
}

async fn collect(
    mut generation: Generation,
    metrics: &RequestMetrics,
) -> Result<CollectedAnswer, ApiError> {
    let mut collected = CollectedAnswer::default();
    let end = loop {
        match generation.next().await {
            Some(event) if !is_last(Some(&event)) => {
                metrics.token();
                collected.push(event);
            }
            end => break end,
        }
    };
    let (finish, usage) = result_of(end)?;
    collected.end(finish, usage);
    Ok(collected)
}

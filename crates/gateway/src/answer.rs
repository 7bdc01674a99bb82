//! The way from a body to an answer, the same for every path that asks an agent.
//!
//! Invariants: the status line goes out after the engine granted a slot to each answer or refused
//! one; whoever drops the handler's future or the response's body (hyper does both when the client
//! goes away) drops the submissions or the [`Generation`]s, and so cancels the request.

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
use harmonic_engine::chat::Thinks;
use harmonic_types::{AgentName, ClientName, Event, Request, RequestId, ToolChoice, Usage};
use tokio::time::Instant;
use tracing::Span;

use crate::access::KeyName;
use crate::api_error::ApiError;
use crate::capability;
use crate::connections::Peer;
use crate::metrics::RequestMetrics;
use crate::model_registry::ModelRegistry;
use crate::respond::body_of_json;
use crate::shared::{Shared, unix_now};

mod stream;

/// The agent that answered.
const AGENT: HeaderName = HeaderName::from_static("x-harmonic-agent");
/// The sequence it ran in; of several answers, the first's.
const SLOT: HeaderName = HeaderName::from_static("x-harmonic-slot");
/// How long the request waited for it, in milliseconds; of several answers, the longest.
const QUEUE_MS: HeaderName = HeaderName::from_static("x-harmonic-queue-ms");

/// What of the body the answer does not heed.
const IGNORED: HeaderName = HeaderName::from_static("x-harmonic-ignored");

/// How a dialect reads a body.
pub(crate) type Ask<W> = fn(&[u8], &ResponseMeta) -> Result<ParsedRequest<W>, ValidationError>;

/// The route whose bodies `ask` reads.
pub(crate) fn route<W: ResponseEncoder>(ask: Ask<W>) -> MethodRouter<Arc<Shared>> {
    post(
        move |State(shared): State<Arc<Shared>>,
              Extension(id): Extension<RequestId>,
              request: HttpRequest| { answer(shared, id, request, ask) },
    )
}

async fn answer<W: ResponseEncoder>(
    shared: Arc<Shared>,
    id: RequestId,
    request: HttpRequest,
    ask: Ask<W>,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let heading = ResponseMeta { id, name: shared.answer_name(id), created: unix_now() };
    let models = shared.models();
    let client = client(&request);
    let read = {
        let (shared, models) = (Arc::clone(&shared), Arc::clone(&models));
        move |body: &[u8]| question(&shared, &models, client, ask(body, &heading)?)
    };
    let asked = shared.bodies.read(request, read).await?;
    let Question { requests, streamed, ignored, writer, agent } = asked;

    let (agent, agent_header) = models.find(&agent)?;
    let span = Span::current();
    span.record("agent", agent.name.0.as_str());
    let mut account = RequestMetrics::open(Arc::clone(&shared.metrics), &agent.name, began);
    let requests = requests.map_err(|error| refuse(&mut account, error))?;
    let requests = requests.into_iter();
    // One that is refused takes the others with it: their futures are dropped.
    let submitted = try_join_all(requests.map(|request| agent.engine.submit(request)));
    // Dropping it takes what still waits out of the queue.
    let waited = shared.config.queue_timeout;
    let submitted = match tokio::time::timeout(waited, submitted).await {
        Ok(submitted) => submitted.map_err(ApiError::from),
        Err(_) => Err(ApiError::QueueTimeout { agent: agent.name.clone(), waited }),
    };
    let generations = submitted.map_err(|error| refuse(&mut account, error))?;
    let granted = granted(&generations);
    if let Some((slot, queued)) = granted {
        account.granted(queued);
        span.record("slot", slot);
        span.record("queue_ms", milliseconds(queued));
    }

    let mut response = if streamed {
        stream::response(writer, generations, account, shared.config.ping)
    } else {
        whole(writer, generations, account).await?
    };
    let headers = response.headers_mut();
    headers.insert(AGENT, agent_header);
    if let Some(line) = ignored {
        headers.insert(IGNORED, HeaderValue::try_from(line).expect("printable ASCII"));
    }
    if let Some((slot, queued)) = granted {
        headers.insert(SLOT, HeaderValue::from(slot));
        headers.insert(QUEUE_MS, HeaderValue::from(milliseconds(queued)));
    }
    Ok(response)
}

/// Who asks: the key's name, else the address, by which connections are shared too.
fn client(request: &HttpRequest) -> ClientName {
    let extensions = request.extensions();
    let key = extensions.get::<KeyName>().map(|KeyName(name)| format!("key {name}"));
    let peer = || extensions.get::<Peer>().map(|Peer(address)| format!("address {address}"));
    ClientName::from(key.or_else(peer).unwrap_or_default().as_str())
}

/// What a body asks, ready to be submitted.
struct Question<W> {
    agent: AgentName,
    /// One for each answer; or why there can be none.
    requests: Result<Vec<Request>, ApiError>,
    streamed: bool,
    /// What of the body was not heeded, for a header.
    ignored: Option<String>,
    writer: W,
}

/// What certainly cannot be served is dropped here, where it was read.
fn question<W>(
    shared: &Shared,
    models: &ModelRegistry,
    client: ClientName,
    mut asked: ParsedRequest<W>,
) -> Result<Question<W>, ApiError> {
    asked.request.client = client;
    let (agent, _) = models.find(&asked.request.agent)?;
    let Request { tool_choice, strict_tools, .. } = &asked.request;
    let able = agent.engine.capabilities();
    if *tool_choice == ToolChoice::Auto && !strict_tools.is_empty() && !able.strict_tools {
        asked.ignored.strict_tools();
    }
    // Clients send it by themselves, so it is no reason to refuse what they ask.
    if asked.request.context.is_some() && !able.request_context {
        asked.ignored.context(asked.fields.context);
    }
    let Request { thinking, effort, .. } = asked.request;
    let is_to_think = thinking == Some(true) || (thinking.is_none() && effort.is_some());
    match agent.card.thinks {
        Thinks::Always if thinking == Some(false) => asked.ignored.thinking(),
        Thinks::Never if is_to_think => asked.ignored.no_thinking(),
        Thinks::Never | Thinks::IfTold | Thinks::Always => {}
    }
    let (name, streamed, ignored) = (agent.name.clone(), asked.streamed, asked.ignored.line());
    let possible = capability::check(agent, &able, &asked.request, &asked.fields);
    let checked = possible.and_then(|()| Ok(agent.engine.check(&asked.request)?));
    let (requests, writer) = asked.into_requests(|| shared.next_id());
    let requests = checked.map(|()| requests.collect());
    Ok(Question { agent: name, requests, streamed, ignored, writer })
}

/// The first answer's slot, and the longest wait.
fn granted(generations: &[Generation]) -> Option<(u32, Duration)> {
    let slot = generations.first()?.granted().slot;
    let longest = generations.iter().map(|one| one.granted().queued).max()?;
    Some((slot, longest))
}

fn milliseconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

/// The error, noted in the account.
fn refuse(account: &mut RequestMetrics, error: ApiError) -> ApiError {
    account.failed(&error);
    error
}

/// The end of a generation.
fn ending(event: Option<Event>) -> Result<(Finish, Usage), ApiError> {
    match event {
        Some(Event::Finished { reason, usage }) => {
            Ok((Finish::of(reason).ok_or(ApiError::Cancelled)?, usage))
        }
        Some(Event::FormBroken { message }) => Err(ApiError::FormBroken { message }),
        Some(Event::Failed { message }) => Err(ApiError::Failed { message }),
        // Every generation ends with one of these; one that does not has lost its engine.
        Some(_) | None => {
            Err(ApiError::Failed { message: "it stopped in the middle of the answer".to_owned() })
        }
    }
}

/// Whether `event` is the last of its generation.
fn is_last(event: Option<&Event>) -> bool {
    matches!(
        event,
        Some(Event::Finished { .. } | Event::FormBroken { .. } | Event::Failed { .. }) | None
    )
}

async fn whole<W: ResponseEncoder>(
    writer: W,
    generations: Vec<Generation>,
    mut account: RequestMetrics,
) -> Result<Response, ApiError> {
    // A failure of one is the failure of all: the others are cancelled.
    let gathering = generations.into_iter().map(|generation| gather(generation, &account));
    let answers = try_join_all(gathering).await.map_err(|error| refuse(&mut account, error))?;
    let usage = total(answers.iter().map(|answer| answer.usage));
    if let Some(first) = answers.first() {
        // Before the line that closes the account, which has the span's fields.
        Span::current().record("status", StatusCode::OK.as_u16());
        account.finished(first.finish, usage, answers.len());
    }
    let mut out = BytesMut::new();
    writer.document(answers, usage, &mut out);
    Ok(body_of_json(StatusCode::OK, out))
}

async fn gather(
    mut generation: Generation,
    account: &RequestMetrics,
) -> Result<CollectedAnswer, ApiError> {
    let mut gathered = CollectedAnswer::default();
    let end = loop {
        match generation.next().await {
            Some(event) if !is_last(Some(&event)) => {
                account.token();
                gathered.push(event);
            }
            end => break end,
        }
    };
    let (finish, usage) = ending(end)?;
    gathered.end(finish, usage);
    Ok(gathered)
}

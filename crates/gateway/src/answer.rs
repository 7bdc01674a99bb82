//! The way from a body to an answer, the same for every path that asks an agent.
//!
//! Invariants: the status line goes out after the engine granted a slot to each answer or refused
//! one; whoever drops the handler's future or the response's body (hyper does both when the client
//! goes away) drops the submissions or the [`Generation`]s, and so cancels the request.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use bytes::BytesMut;
use futures::future::try_join_all;
use harmonic_api::{AnswerWriter, Asked, Finish, Gathered, Heading, Invalid, total};
use harmonic_engine::{Generation, Granted};
use harmonic_types::{Event, RequestId, Usage};
use tracing::{Span, info};

use crate::api_error::ApiError;
use crate::body;
use crate::respond::body_of_json;
use crate::shared::{Shared, unix_now};

mod stream;

/// The agent that answered.
const AGENT: HeaderName = HeaderName::from_static("x-harmonic-agent");
/// The sequence it ran in; of several answers, the first's.
const SLOT: HeaderName = HeaderName::from_static("x-harmonic-slot");
/// How long the request waited for it, in milliseconds; of several answers, the longest.
const QUEUE_MS: HeaderName = HeaderName::from_static("x-harmonic-queue-ms");

/// How a dialect reads a body.
pub(crate) type Ask<W> = fn(&[u8], &Heading) -> Result<Asked<W>, Invalid>;

/// The route whose bodies `ask` reads.
pub(crate) fn route<W: AnswerWriter>(ask: Ask<W>) -> MethodRouter<Arc<Shared>> {
    post(
        move |State(shared): State<Arc<Shared>>,
              Extension(id): Extension<RequestId>,
              request: Request| { answer(shared, id, request, ask) },
    )
}

async fn answer<W: AnswerWriter>(
    shared: Arc<Shared>,
    id: RequestId,
    request: Request,
    ask: Ask<W>,
) -> Result<Response, ApiError> {
    let body = body::read(&shared, request).await?;
    let heading = Heading { id, name: shared.answer_name(id), created: unix_now() };
    let asked = ask(&body, &heading)?;
    drop(body);

    let roster = shared.roster();
    let (agent, agent_header) = roster.find(&asked.request.agent)?;
    let span = Span::current();
    span.record("agent", agent.name.0.as_str());
    let streamed = asked.streamed;
    let (requests, writer) = asked.into_requests(|| shared.next_id());
    // One that is refused takes the others with it: their futures are dropped.
    let generations = try_join_all(requests.map(|request| agent.engine.submit(request))).await?;
    let granted = granted(&generations);
    if let Some((slot, queue_ms)) = granted {
        span.record("slot", slot);
        span.record("queue_ms", queue_ms);
    }

    let mut response = if streamed {
        stream::response(writer, generations, shared.config.ping)
    } else {
        whole(writer, generations).await?
    };
    let headers = response.headers_mut();
    headers.insert(AGENT, agent_header);
    if let Some((slot, queue_ms)) = granted {
        headers.insert(SLOT, HeaderValue::from(slot));
        headers.insert(QUEUE_MS, HeaderValue::from(queue_ms));
    }
    Ok(response)
}

/// The first answer's slot, and the longest wait in milliseconds.
fn granted(generations: &[Generation]) -> Option<(u32, u64)> {
    let slot = generations.first()?.granted().slot;
    let queue_ms = |granted: Granted| u64::try_from(granted.queued.as_millis()).unwrap_or(u64::MAX);
    let longest = generations.iter().map(|one| queue_ms(one.granted())).max()?;
    Some((slot, longest))
}

/// The end of a generation.
fn ending(event: Option<Event>) -> Result<(Finish, Usage), ApiError> {
    match event {
        Some(Event::Finished { reason, usage }) => {
            Ok((Finish::of(reason).ok_or(ApiError::Cancelled)?, usage))
        }
        Some(Event::Failed { message }) => Err(ApiError::Failed { message }),
        // Every generation ends with one of the two; one that does not has lost its engine.
        Some(_) | None => {
            Err(ApiError::Failed { message: "it stopped in the middle of the answer".to_owned() })
        }
    }
}

/// Whether `event` is the last of its generation.
fn is_last(event: Option<&Event>) -> bool {
    matches!(event, Some(Event::Finished { .. } | Event::Failed { .. }) | None)
}

/// Notes an answer in the log.
fn note(finish: Finish, usage: Usage) {
    info!(
        prompt_tokens = usage.prompt_tokens,
        completion_tokens = usage.completion_tokens,
        finish = finish.word(),
        "answered"
    );
}

async fn whole<W: AnswerWriter>(
    writer: W,
    generations: Vec<Generation>,
) -> Result<Response, ApiError> {
    // A failure of one is the failure of all: the others are cancelled.
    let answers = try_join_all(generations.into_iter().map(gather)).await?;
    let usage = total(answers.iter().map(|answer| answer.usage));
    if let Some(first) = answers.first() {
        note(first.finish, usage);
    }
    let mut out = BytesMut::new();
    writer.whole(answers, usage, &mut out);
    Ok(body_of_json(StatusCode::OK, out))
}

async fn gather(mut generation: Generation) -> Result<Gathered, ApiError> {
    let mut gathered = Gathered::default();
    let end = loop {
        match generation.next().await {
            end if is_last(end.as_ref()) => break end,
            event => event.into_iter().for_each(|event| gathered.push(event)),
        }
    };
    let (finish, usage) = ending(end)?;
    gathered.end(finish, usage);
    Ok(gathered)
}

//! `POST /v1/chat/completions`.
//!
//! Invariants: the status line goes out after the engine granted a slot or refused; whoever drops
//! the handler's future or the response's body (hyper does both when the client goes away) drops
//! the submission or the [`Generation`], and so cancels the request.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use harmonic_api::openai::{self, Answer, Collected, finish_word};
use harmonic_engine::{Generation, Granted};
use harmonic_types::{Event, RequestId};
use tracing::{Span, info};

use crate::api_error::ApiError;
use crate::body;
use crate::respond::json;
use crate::shared::{Shared, unix_now};

mod stream;

/// The agent that answered.
const AGENT: HeaderName = HeaderName::from_static("x-harmonic-agent");
/// The sequence it ran in.
const SLOT: HeaderName = HeaderName::from_static("x-harmonic-slot");
/// How long the request waited for it, in milliseconds.
const QUEUE_MS: HeaderName = HeaderName::from_static("x-harmonic-queue-ms");

/// Answers a chat, streamed or whole.
pub(crate) async fn completions(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = openai::parse(&body::read(&shared, request).await?)?;
    let streamed = body.stream == Some(true);
    let count = body.stream_options.and_then(|options| options.include_usage) == Some(true);
    let request = openai::decode(body, id)?;

    let roster = shared.roster();
    let (agent, agent_header) = roster.find(&request.agent)?;
    let span = Span::current();
    span.record("agent", agent.name.0.as_str());
    let answer = Answer {
        id: shared.answer_name(id),
        created: unix_now(),
        model: request.agent.0.clone(),
        logprobs: request.top_logprobs.is_some(),
    };
    let generation = agent.engine.submit(request).await?;
    let granted = generation.granted();
    span.record("slot", granted.slot);
    span.record("queue_ms", queue_ms(&granted));

    let mut response = if streamed {
        stream::response(answer, generation, count, shared.config.ping)
    } else {
        collect(answer, generation).await?
    };
    let headers = response.headers_mut();
    headers.insert(AGENT, agent_header);
    headers.insert(SLOT, HeaderValue::from(granted.slot));
    headers.insert(QUEUE_MS, HeaderValue::from(queue_ms(&granted)));
    Ok(response)
}

fn queue_ms(granted: &Granted) -> u64 {
    u64::try_from(granted.queued.as_millis()).unwrap_or(u64::MAX)
}

/// The end of a generation, as the dialect sees it.
fn ending(event: Option<Event>) -> Result<(&'static str, harmonic_types::Usage), ApiError> {
    match event {
        Some(Event::Finished { reason, usage }) => {
            let word = finish_word(reason).ok_or(ApiError::Cancelled)?;
            info!(
                prompt_tokens = usage.prompt_tokens,
                completion_tokens = usage.completion_tokens,
                finish = word,
                "answered"
            );
            Ok((word, usage))
        }
        Some(Event::Failed { message }) => Err(ApiError::Failed { message }),
        // Every generation ends with one of the two; one that does not has lost its engine.
        Some(_) | None => {
            Err(ApiError::Failed { message: "it stopped in the middle of the answer".to_owned() })
        }
    }
}

async fn collect(answer: Answer, mut generation: Generation) -> Result<Response, ApiError> {
    let mut collected = Collected::default();
    let end = loop {
        match generation.next().await {
            end @ (Some(Event::Finished { .. } | Event::Failed { .. }) | None) => break end,
            Some(event) => collected.push(&event),
        }
    };
    let (reason, usage) = ending(end)?;
    Ok(json(StatusCode::OK, &collected.finish(answer, reason, usage)))
}

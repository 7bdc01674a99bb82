//! Errors of a request: their wording, and the one table of their statuses, codes and headers. The
//! wording of what an engine rejects (a full queue, a prompt too long) is in
//! `crates/types/src/rejection.rs`, because the engine's callers read it, too.
//!
//! An error becomes a response without a body; [`error_layer()`] writes the body in the dialect of
//! the path, so that code that returns an error need not know the dialect.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use harmonic_api::{Dialect, ErrorClass, ValidationError, WireError};
use harmonic_engine::EngineError;
use harmonic_events::TooManyListeners;
use harmonic_types::{AgentName, Rejection, RunToken};

use crate::config::MAX_PULLS;
use crate::responses::ResponsesError;
use crate::runs::RunsError;

/// Retry delay while a deployment stops or an engine is down. Our own choice: about the time to
/// start an engine whose weights are in the page cache.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// Retry delay while a pull is under way: models take minutes.
const PULL_RETRY: Duration = Duration::from_mins(1);

/// Supported content encodings of request bodies, as a value of `accept-encoding`.
pub(crate) const CODINGS: &str = "gzip, deflate, zstd";

/// Error of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("unknown path {path}: /openapi.json lists the paths")]
    PathNotFound { path: String },
    #[error("{path} does not allow {method}: the `allow` header lists the methods")]
    MethodNotAllowed { method: String, path: String },
    #[error("the body is too large: expected at most {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("the body did not arrive within {} s", within.as_secs())]
    BodyTimeout { within: Duration },
    #[error(
        "the body arrived too slowly: above 64 KiB, an eighth more must arrive within {} s",
        within.as_secs()
    )]
    BodyStalled { within: Duration },
    #[error("the body broke off: {reason}")]
    BodyIncomplete { reason: String },
    #[error("unsupported content-encoding `{coding}`: expected at most one of {}", CODINGS)]
    UnsupportedEncoding { coding: String },
    #[error("too many large bodies arrive at once: retry in {} s", UNAVAILABLE_RETRY.as_secs())]
    BodiesFull,
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The requested form reached a limit while the answer was generated.
    #[error("the answer cannot continue in the requested form: {message}")]
    FormBroken { message: String },
    /// The engine failed during the request.
    #[error("the engine failed: {message}")]
    EngineFailed { message: String },
    /// The agent's engine lacks the capability that the field needs.
    #[error(
        "`{field}` is not supported by {agent}: the engine of its model {model} {what}; leave it \
         out, or ask another agent"
    )]
    Unsupported { field: String, agent: AgentName, model: String, what: &'static str },
    #[error(
        "{agent} cannot count tokens: the engine of its model {model} can only estimate them; ask \
         another agent"
    )]
    NoTokenCounts { agent: AgentName, model: String },
    #[error(
        "{agent} cannot compute embeddings: its model {model} generates text; {}",
        match able.as_str() {
            "" => "start the server with `harmonic up --embedding`, or add an agent \
                   `like = \"embedding\"` to its stack file".to_owned(),
            able => format!("ask {able}"),
        }
    )]
    NoEmbeddings { agent: AgentName, model: String, able: String },
    #[error(
        "{agent} generates no text: its model {model} computes embeddings, at /v1/embeddings and \
         /api/embed; ask another agent"
    )]
    NoGeneration { agent: AgentName, model: String },
    /// Dimensions that the model was not trained for.
    #[error(
        "invalid `dimensions` `{wanted}`: expected {}",
        match (all, shortens) {
            (Some(all), true) => format!("1 to {all}, the dimensions of {agent}'s model {model}"),
            (Some(all), false) => format!(
                "{all}, or leave it out: the model {model} of {agent} does not say that its vectors \
                 can be shortened"
            ),
            (None, _) => format!("none: those of {agent}'s model {model} are not known"),
        }
    )]
    Dimensions { agent: AgentName, model: String, wanted: u32, all: Option<u32>, shortens: bool },
    #[error(
        "pulls by clients are disabled: `harmonic up --allow-pull` allows models of the catalog, \
         --allow-pull=any any model of the hub; `harmonic models pull` on the server's machine \
         fetches one"
    )]
    PullsDisabled,
    /// Refusal of the puller.
    #[error("{message}")]
    PullRefused { message: String },
    #[error(
        "this server does no runs: `harmonic up` starts a team that does; its agents answer at \
         /v1/chat/completions"
    )]
    RunsDisabled,
    #[error(transparent)]
    Runs(#[from] RunsError),
    #[error(transparent)]
    Responses(#[from] ResponsesError),
    #[error(transparent)]
    TooManyListeners(#[from] TooManyListeners),
    #[error("invalid `last-event-id` `{value}`: expected the id of an event of this server")]
    InvalidEventId { value: String },
    #[error(
        "invalid header `{}`: expected once, with the token that a run gives its tools in {}; leave \
         it out for what is no part of a run",
        RunToken::HEADER,
        RunToken::VARIABLE
    )]
    InvalidRunToken,
    #[error(
        "invalid header `{}`: expected once, with a random token (`hrt_` and 64 digits of base 16, in \
         lower case); leave it out where the tools start no runs",
        RunToken::OFFERED_HEADER
    )]
    InvalidOfferedToken,
    #[error("a pull is under way: clients have one at a time, and all keys together {MAX_PULLS}")]
    TooManyPulls,
    #[error(
        "agents cannot be created, copied, removed or pushed over HTTP: they come from the stack \
         file of this server; edit it and restart `harmonic up`"
    )]
    FixedAgents,
    #[error("cannot pull the model: {message}")]
    PullFailed { message: String },
    #[error("{agent} had no slot free within {} s: ask again", waited.as_secs_f64())]
    QueueTimeout { agent: AgentName, waited: Duration },
    #[error(
        "this server requires an API key, as `authorization: Bearer KEY` or `x-api-key: KEY`; \
         `harmonic keys add NAME` on its machine creates one"
    )]
    MissingKey,
    #[error("unknown API key: `harmonic keys list` on the server's machine lists the keys")]
    UnknownKey,
    #[error("the key {name} allows {per_minute} requests per minute: retry in {} s", seconds(*.retry_after))]
    RateLimited { name: String, per_minute: u32, retry_after: Duration },
    #[error(
        "the host name {host} is not allowed: use localhost, or start the server with --allow-host \
         {host}"
    )]
    HostNotAllowed { host: String },
    #[error("invalid `host`: {reason}, expected one name or address of this server")]
    InvalidHost { reason: String },
    #[error(
        "invalid `transfer-encoding` `{coding}`: expected `chunked` alone, or a `content-length`"
    )]
    UnsupportedTransferEncoding { coding: String },
    #[error("the request target is too long: expected at most {limit} bytes")]
    TargetTooLong { limit: usize },
    #[error("the request head is too large: expected at most {limit} bytes")]
    HeadTooLarge { limit: usize },
    #[error(
        "all API keys are refused: the server cannot read its key file; its log has the cause, and \
         a repaired file is read at once"
    )]
    KeysUnreadable,
    #[error("the origin {origin} is not allowed: start the server with --cors-origin {origin}")]
    OriginNotAllowed { origin: String },
    /// The deployment was stopped during the request.
    #[error("the deployment was stopped before the answer was complete: ask again")]
    Cancelled,
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(rejection) => Self::Rejected(rejection),
            error => Self::EngineFailed { message: error.to_string() },
        }
    }
}

/// Row of the table: properties of the error's response.
struct ResponseSpec {
    status: StatusCode,
    class: ErrorClass,
    code: &'static str,
    retry_after: Option<Duration>,
}

impl ApiError {
    fn response_spec(&self) -> ResponseSpec {
        use ErrorClass as F;
        use StatusCode as S;
        let unavailable = Some(UNAVAILABLE_RETRY);
        let (status, class, code, retry_after) = match self {
            Self::PathNotFound { .. } => (S::NOT_FOUND, F::NotFound, "not_found", None),
            Self::MethodNotAllowed { .. } => {
                (S::METHOD_NOT_ALLOWED, F::Invalid, "method_not_allowed", None)
            }
            Self::BodyTooLarge { .. } => {
                (S::PAYLOAD_TOO_LARGE, F::TooLarge, "body_too_large", None)
            }
            Self::BodyTimeout { .. } | Self::BodyStalled { .. } => {
                (S::REQUEST_TIMEOUT, F::Invalid, "body_too_slow", None)
            }
            Self::BodyIncomplete { .. } => (S::BAD_REQUEST, F::Invalid, "body_incomplete", None),
            Self::UnsupportedEncoding { .. } => {
                (S::UNSUPPORTED_MEDIA_TYPE, F::Invalid, "unsupported_encoding", None)
            }
            Self::BodiesFull => {
                (S::SERVICE_UNAVAILABLE, F::Unavailable, "bodies_full", unavailable)
            }
            Self::Invalid(invalid) => (S::BAD_REQUEST, F::Invalid, invalid.code(), None),
            Self::Rejected(rejection) => of_rejection(rejection),
            Self::FormBroken { .. } => (S::BAD_REQUEST, F::Invalid, "form_too_costly", None),
            Self::EngineFailed { .. } => {
                (S::INTERNAL_SERVER_ERROR, F::Failed, "engine_failed", None)
            }
            Self::Unsupported { .. }
            | Self::NoTokenCounts { .. }
            | Self::NoEmbeddings { .. }
            | Self::NoGeneration { .. }
            | Self::Dimensions { .. } => (S::BAD_REQUEST, F::Invalid, "unsupported", None),
            Self::PullsDisabled => (S::FORBIDDEN, F::Forbidden, "pulls_off", None),
            Self::PullRefused { .. } => (S::FORBIDDEN, F::Forbidden, "pull_not_allowed", None),
            Self::RunsDisabled => (S::FORBIDDEN, F::Forbidden, "runs_off", None),
            Self::Runs(error) => error.response(),
            Self::Responses(error) => error.response(),
            Self::TooManyPulls => {
                (S::TOO_MANY_REQUESTS, F::Limited, "pull_under_way", Some(PULL_RETRY))
            }
            Self::TooManyListeners(_) => {
                (S::SERVICE_UNAVAILABLE, F::Unavailable, "too_many_listeners", unavailable)
            }
            Self::InvalidEventId { .. } => (S::BAD_REQUEST, F::Invalid, "invalid_event_id", None),
            Self::InvalidRunToken | Self::InvalidOfferedToken => {
                (S::BAD_REQUEST, F::Invalid, "invalid_run_token", None)
            }
            Self::FixedAgents => (S::FORBIDDEN, F::Forbidden, "agents_are_fixed", None),
            Self::PullFailed { .. } => (S::FAILED_DEPENDENCY, F::Invalid, "pull_failed", None),
            Self::QueueTimeout { .. } => {
                (S::SERVICE_UNAVAILABLE, F::Unavailable, "queue_timeout", unavailable)
            }
            Self::MissingKey => (S::UNAUTHORIZED, F::Unauthenticated, "api_key_missing", None),
            Self::UnknownKey => (S::UNAUTHORIZED, F::Unauthenticated, "api_key_unknown", None),
            Self::RateLimited { retry_after, .. } => {
                (S::TOO_MANY_REQUESTS, F::Limited, "key_limit", Some(*retry_after))
            }
            Self::InvalidHost { .. } => (S::BAD_REQUEST, F::Invalid, "invalid_host", None),
            Self::UnsupportedTransferEncoding { .. } => {
                (S::BAD_REQUEST, F::Invalid, "invalid_transfer_encoding", None)
            }
            Self::TargetTooLong { .. } => (S::URI_TOO_LONG, F::Invalid, "target_too_long", None),
            Self::HeadTooLarge { .. } => {
                (S::REQUEST_HEADER_FIELDS_TOO_LARGE, F::Invalid, "head_too_large", None)
            }
            Self::KeysUnreadable => {
                (S::SERVICE_UNAVAILABLE, F::Unavailable, "keys_unreadable", unavailable)
            }
            Self::HostNotAllowed { .. } => (S::FORBIDDEN, F::Forbidden, "host_not_allowed", None),
            Self::OriginNotAllowed { .. } => {
                (S::FORBIDDEN, F::Forbidden, "origin_not_allowed", None)
            }
            Self::Cancelled => (S::SERVICE_UNAVAILABLE, F::Unavailable, "draining", unavailable),
        };
        ResponseSpec { status, class, code, retry_after }
    }

    /// Stable code for programs.
    pub(crate) fn code(&self) -> &'static str {
        self.response_spec().code
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Invalid(invalid) => invalid.param(),
            Self::Runs(RunsError::Invalid { field, .. }) | Self::Unsupported { field, .. } => {
                Some(field)
            }
            Self::Rejected(Rejection::UnknownAgent { .. })
            | Self::NoTokenCounts { .. }
            | Self::NoEmbeddings { .. }
            | Self::NoGeneration { .. } => Some("model"),
            Self::Dimensions { .. } => Some("dimensions"),
            Self::Responses(error) => error.param(),
            Self::Rejected(Rejection::PromptTooLong { .. } | Rejection::PromptBeyond { .. }) => {
                Some("messages")
            }
            Self::Rejected(Rejection::InputTooLong { .. }) => Some("input"),
            _ => None,
        }
    }

    /// The error in the form that every dialect can write.
    pub(crate) fn wire_error(&self) -> WireError<'_> {
        let spec = self.response_spec();
        WireError {
            class: spec.class,
            code: spec.code,
            param: self.param(),
            message: Cow::Owned(self.to_string()),
        }
    }
}

/// Status, class, code and retry delay of the response to what an engine rejects.
fn of_rejection(rejection: &Rejection) -> (StatusCode, ErrorClass, &'static str, Option<Duration>) {
    use ErrorClass as F;
    use StatusCode as S;
    let unavailable = Some(UNAVAILABLE_RETRY);
    match rejection {
        Rejection::UnknownAgent { .. } => (S::NOT_FOUND, F::NotFound, "model_not_found", None),
        Rejection::PromptTooLong { .. }
        | Rejection::PromptBeyond { .. }
        | Rejection::InputTooLong { .. } => {
            (S::BAD_REQUEST, F::Invalid, "context_length_exceeded", None)
        }
        Rejection::Invalid { .. } => (S::BAD_REQUEST, F::Invalid, "invalid_value", None),
        Rejection::QueueFull { retry_after, .. } => {
            (S::TOO_MANY_REQUESTS, F::Limited, "queue_full", Some(*retry_after))
        }
        Rejection::FormsFull { retry_after, .. } => {
            (S::TOO_MANY_REQUESTS, F::Limited, "forms_full", Some(*retry_after))
        }
        Rejection::FormsFailed { retry_after, .. } => {
            (S::SERVICE_UNAVAILABLE, F::Unavailable, "forms_failed", Some(*retry_after))
        }
        Rejection::Draining => (S::SERVICE_UNAVAILABLE, F::Unavailable, "draining", unavailable),
        Rejection::Restarting { retry_after, .. } => {
            (S::SERVICE_UNAVAILABLE, F::Unavailable, "engine_restarting", Some(*retry_after))
        }
        Rejection::EngineDied { .. } => {
            (S::SERVICE_UNAVAILABLE, F::Unavailable, "engine_died", unavailable)
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let spec = self.response_spec();
        tracing::info!(status = spec.status.as_u16(), code = spec.code, "refused");
        let mut response = spec.status.into_response();
        if let Some(after) = spec.retry_after {
            let value = HeaderValue::try_from(seconds(after).to_string()).expect("digits");
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        if spec.status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS));
        }
        if spec.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(PendingError(Arc::new(self)));
        response
    }
}

/// Whole seconds, rounded up and at least 1: 0 would allow a retry at once.
fn seconds(wait: Duration) -> u128 {
    wait.as_millis().div_ceil(1000).max(1)
}

/// Error whose response has no body yet; an extension of the response.
#[derive(Clone)]
struct PendingError(Arc<ApiError>);

/// Middleware: writes the body of an error in the dialect of the path. It must wrap everything that
/// can fail with an [`ApiError`].
pub(crate) async fn error_layer(request: Request, next: Next) -> Response {
    let dialect = Dialect::of_path(request.uri().path());
    let mut response = next.run(request).await;
    if let Some(PendingError(error)) = response.extensions_mut().remove() {
        let mut body = BytesMut::new();
        dialect.write_error(&error.wire_error(), &mut body);
        *response.body_mut() = Body::from(body.freeze());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    response
}

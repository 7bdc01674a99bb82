//! The one table from what can go wrong with a request to a status, a code and headers.
//!
//! An error becomes a response without a body; [`speak()`] writes the body in the dialect of the
//! path, so that whoever finds the error need not know it.

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
use harmonic_types::{AgentName, Refused};

use crate::config::MAX_PULLS;

/// When to come back while a deployment stops or an engine is gone. There is no figure to derive
/// it from: about as long as it takes to start an engine whose weights are in the page cache.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// When to ask again while a pull is under way: models take minutes.
const PULL_RETRY: Duration = Duration::from_mins(1);

/// Codings of bodies that are read, as `accept-encoding` lists them.
pub(crate) const CODINGS: &str = "gzip, deflate, zstd";

/// What can go wrong with a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("there is no {path} here; /openapi.json says what there is")]
    NoSuchPath { path: String },
    #[error("{path} does not take {method}: the `allow` header says what it does")]
    WrongMethod { method: String, path: String },
    #[error("the body is larger than {limit} bytes, the most this server takes")]
    TooLarge { limit: usize },
    #[error("the body did not arrive within {} s", within.as_secs())]
    SlowBody { within: Duration },
    #[error(
        "the body came too slowly: of what exceeds 64 KiB, an eighth more must come within {} s",
        within.as_secs()
    )]
    StalledBody { within: Duration },
    #[error("the body broke off: {reason}")]
    BrokenBody { reason: String },
    #[error(
        "`content-encoding: {coding}` is not read here: compress the body once at most, with {}",
        CODINGS
    )]
    UnknownCoding { coding: String },
    #[error("too many large bodies arrive at once: retry in {} s", UNAVAILABLE_RETRY.as_secs())]
    BodiesFull,
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The form that the request asked for met a limit while the answer was written.
    #[error("the answer cannot go on in the form that was asked for: {message}")]
    FormBroken { message: String },
    /// The engine failed while it worked on the request.
    #[error("the engine failed: {message}")]
    Failed { message: String },
    /// The engine of the agent cannot do what the field asks for.
    #[error(
        "`{field}` is not supported by {agent}: the engine of its model {model} {what}; leave it \
         out, or ask another agent"
    )]
    Lacking { field: String, agent: AgentName, model: String, what: &'static str },
    #[error(
        "{agent} counts no tokens: the engine of its model {model} could only estimate them; ask \
         another agent"
    )]
    NoCounts { agent: AgentName, model: String },
    #[error(
        "{agent} makes no embeddings: its model {model} writes text, and no engine here embeds"
    )]
    NoEmbeddings { agent: AgentName, model: String },
    #[error(
        "this server fetches no models for clients: `harmonic up --allow-pull` lets them fetch those \
         of the catalog, --allow-pull=any any of the hub; `harmonic models pull` fetches one on the \
         server's machine"
    )]
    PullsOff,
    /// The puller's own words.
    #[error("{message}")]
    PullRefused { message: String },
    #[error("a pull is under way: clients have one at a time, and all keys together {MAX_PULLS}")]
    PullUnderWay,
    #[error(
        "agents are not made, copied, removed or pushed over HTTP: they are those of the stack file \
         that this server was started with; edit it and start `harmonic up` again"
    )]
    FixedAgents,
    #[error("cannot pull the model: {message}")]
    PullFailed { message: String },
    #[error("{agent} had no slot free within {} s: ask again", waited.as_secs_f64())]
    QueueTimeout { agent: AgentName, waited: Duration },
    #[error(
        "this server wants an API key, as `authorization: Bearer KEY` or `x-api-key: KEY`; \
         `harmonic keys add NAME` on its machine makes one"
    )]
    NoKey,
    #[error("no such API key: `harmonic keys list` on the server's machine says which there are")]
    WrongKey,
    #[error("the key {name} lets in {per_minute} requests a minute: retry in {} s", seconds(*.retry_after))]
    KeyLimited { name: String, per_minute: u32, retry_after: Duration },
    #[error(
        "this server is not asked as {host}: use localhost, or start it with --allow-host {host}"
    )]
    ForeignHost { host: String },
    #[error("invalid `host`: {reason}, expected one name or address of this server")]
    BadHost { reason: String },
    #[error(
        "invalid `transfer-encoding` `{coding}`: expected `chunked` alone, or a `content-length`"
    )]
    UnknownTransfer { coding: String },
    #[error("the target of the request is longer than {limit} bytes, the most this server takes")]
    TargetTooLong { limit: usize },
    #[error("the head of the request is larger than {limit} bytes, the most this server takes")]
    HeadTooLarge { limit: usize },
    #[error(
        "no API key is let in: the server's file of keys cannot be read, as its log says; mend the \
         file, and it is read again"
    )]
    KeysUnreadable,
    #[error("pages of {origin} may not ask: start the server with --cors-origin {origin}")]
    ForeignOrigin { origin: String },
    /// The deployment was stopped while the request ran.
    #[error("the deployment was stopped before the answer was complete: ask again")]
    Cancelled,
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(refused) => Self::Refused(refused),
            error => Self::Failed { message: error.to_string() },
        }
    }
}

/// A row of the table.
struct Row {
    status: StatusCode,
    class: ErrorClass,
    code: &'static str,
    retry_after: Option<Duration>,
}

impl ApiError {
    fn row(&self) -> Row {
        use ErrorClass as F;
        use StatusCode as S;
        let unavailable = Some(UNAVAILABLE_RETRY);
        let (status, class, code, retry_after) = match self {
            Self::NoSuchPath { .. } => (S::NOT_FOUND, F::NotFound, "not_found", None),
            Self::WrongMethod { .. } => {
                (S::METHOD_NOT_ALLOWED, F::Invalid, "method_not_allowed", None)
            }
            Self::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, F::TooLarge, "body_too_large", None),
            Self::SlowBody { .. } | Self::StalledBody { .. } => {
                (S::REQUEST_TIMEOUT, F::Invalid, "body_too_slow", None)
            }
            Self::BrokenBody { .. } => (S::BAD_REQUEST, F::Invalid, "body_incomplete", None),
            Self::UnknownCoding { .. } => {
                (S::UNSUPPORTED_MEDIA_TYPE, F::Invalid, "unsupported_encoding", None)
            }
            Self::BodiesFull => {
                (S::SERVICE_UNAVAILABLE, F::Unavailable, "bodies_full", unavailable)
            }
            Self::Invalid(invalid) => (S::BAD_REQUEST, F::Invalid, invalid.code(), None),
            Self::Refused(refused) => match refused {
                Refused::UnknownAgent { .. } => {
                    (S::NOT_FOUND, F::NotFound, "model_not_found", None)
                }
                Refused::PromptTooLong { .. } | Refused::PromptBeyond { .. } => {
                    (S::BAD_REQUEST, F::Invalid, "context_length_exceeded", None)
                }
                Refused::Invalid { .. } => (S::BAD_REQUEST, F::Invalid, "invalid_value", None),
                Refused::QueueFull { retry_after, .. } => {
                    (S::TOO_MANY_REQUESTS, F::Limited, "queue_full", Some(*retry_after))
                }
                Refused::FormsFull { retry_after, .. } => {
                    (S::TOO_MANY_REQUESTS, F::Limited, "forms_full", Some(*retry_after))
                }
                Refused::FormsFailed { retry_after, .. } => {
                    (S::SERVICE_UNAVAILABLE, F::Unavailable, "forms_failed", Some(*retry_after))
                }
                Refused::Draining => {
                    (S::SERVICE_UNAVAILABLE, F::Unavailable, "draining", unavailable)
                }
                Refused::Restarting { retry_after, .. } => (
                    S::SERVICE_UNAVAILABLE,
                    F::Unavailable,
                    "engine_restarting",
                    Some(*retry_after),
                ),
                Refused::EngineDied { .. } => {
                    (S::SERVICE_UNAVAILABLE, F::Unavailable, "engine_died", unavailable)
                }
            },
            Self::FormBroken { .. } => (S::BAD_REQUEST, F::Invalid, "form_too_costly", None),
            Self::Failed { .. } => (S::INTERNAL_SERVER_ERROR, F::Failed, "engine_failed", None),
            Self::Lacking { .. } | Self::NoCounts { .. } | Self::NoEmbeddings { .. } => {
                (S::BAD_REQUEST, F::Invalid, "unsupported", None)
            }
            Self::PullsOff => (S::FORBIDDEN, F::Forbidden, "pulls_off", None),
            Self::PullRefused { .. } => (S::FORBIDDEN, F::Forbidden, "pull_not_allowed", None),
            Self::PullUnderWay => {
                (S::TOO_MANY_REQUESTS, F::Limited, "pull_under_way", Some(PULL_RETRY))
            }
            Self::FixedAgents => (S::FORBIDDEN, F::Forbidden, "agents_are_fixed", None),
            Self::PullFailed { .. } => (S::FAILED_DEPENDENCY, F::Invalid, "pull_failed", None),
            Self::QueueTimeout { .. } => {
                (S::SERVICE_UNAVAILABLE, F::Unavailable, "queue_timeout", unavailable)
            }
            Self::NoKey => (S::UNAUTHORIZED, F::Unauthenticated, "api_key_missing", None),
            Self::WrongKey => (S::UNAUTHORIZED, F::Unauthenticated, "api_key_unknown", None),
            Self::KeyLimited { retry_after, .. } => {
                (S::TOO_MANY_REQUESTS, F::Limited, "key_limit", Some(*retry_after))
            }
            Self::BadHost { .. } => (S::BAD_REQUEST, F::Invalid, "invalid_host", None),
            Self::UnknownTransfer { .. } => {
                (S::BAD_REQUEST, F::Invalid, "invalid_transfer_encoding", None)
            }
            Self::TargetTooLong { .. } => (S::URI_TOO_LONG, F::Invalid, "target_too_long", None),
            Self::HeadTooLarge { .. } => {
                (S::REQUEST_HEADER_FIELDS_TOO_LARGE, F::Invalid, "head_too_large", None)
            }
            Self::KeysUnreadable => {
                (S::SERVICE_UNAVAILABLE, F::Unavailable, "keys_unreadable", unavailable)
            }
            Self::ForeignHost { .. } => (S::FORBIDDEN, F::Forbidden, "host_not_allowed", None),
            Self::ForeignOrigin { .. } => (S::FORBIDDEN, F::Forbidden, "origin_not_allowed", None),
            Self::Cancelled => (S::SERVICE_UNAVAILABLE, F::Unavailable, "draining", unavailable),
        };
        Row { status, class, code, retry_after }
    }

    /// For programs; stable.
    pub(crate) fn code(&self) -> &'static str {
        self.row().code
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Invalid(invalid) => invalid.param(),
            Self::Lacking { field, .. } => Some(field),
            Self::Refused(Refused::UnknownAgent { .. })
            | Self::NoCounts { .. }
            | Self::NoEmbeddings { .. } => Some("model"),
            Self::Refused(Refused::PromptTooLong { .. } | Refused::PromptBeyond { .. }) => {
                Some("messages")
            }
            _ => None,
        }
    }

    /// The error, for a dialect to say.
    pub(crate) fn wire_error(&self) -> WireError<'_> {
        let row = self.row();
        WireError {
            class: row.class,
            code: row.code,
            param: self.param(),
            message: Cow::Owned(self.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let row = self.row();
        tracing::info!(status = row.status.as_u16(), code = row.code, "refused");
        let mut response = row.status.into_response();
        if let Some(after) = row.retry_after {
            let value = HeaderValue::try_from(seconds(after).to_string()).expect("digits");
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        if row.status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS));
        }
        if row.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Unsaid(Arc::new(self)));
        response
    }
}

/// Whole seconds, rounded up: 0 would mean at once.
fn seconds(wait: Duration) -> u128 {
    wait.as_millis().div_ceil(1000).max(1)
}

/// An error whose response has no body yet.
#[derive(Clone)]
struct Unsaid(Arc<ApiError>);

/// Middleware: writes the body of an error in the dialect of the path. It must be outside of
/// everything that can fail with an [`ApiError`].
pub(crate) async fn speak(request: Request, next: Next) -> Response {
    let dialect = Dialect::of_path(request.uri().path());
    let mut response = next.run(request).await;
    if let Some(Unsaid(error)) = response.extensions_mut().remove() {
        let mut body = BytesMut::new();
        dialect.write_error(&error.wire_error(), &mut body);
        *response.body_mut() = Body::from(body.freeze());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    response
}

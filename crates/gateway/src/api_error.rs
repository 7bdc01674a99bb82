//! The one table from what can go wrong with a request to a status, a code and headers.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use harmonic_api::openai::{Envelope, ErrorBody, Invalid};
use harmonic_types::Refused;

use crate::respond::json;

/// When to come back while a deployment stops or an engine is gone. There is no figure to derive
/// it from: about as long as it takes to start an engine whose weights are in the page cache.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// What can go wrong with a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("there is no {path} here; see /v1/chat/completions, /v1/models and /health")]
    NoSuchPath { path: String },
    #[error("{path} does not take {method}: the `allow` header says what it does")]
    WrongMethod { method: String, path: String },
    #[error("the body is larger than {limit} bytes, the most this server takes")]
    TooLarge { limit: usize },
    #[error("the body did not arrive within {} s", within.as_secs())]
    SlowBody { within: Duration },
    #[error("the body broke off: {reason}")]
    BrokenBody { reason: String },
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The engine failed while it worked on the request.
    #[error("the engine failed: {message}")]
    Failed { message: String },
    /// The deployment was stopped while the request ran.
    #[error("the deployment was stopped before the answer was complete: ask again")]
    Cancelled,
}

/// A row of the table.
struct Row {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    retry_after: Option<Duration>,
}

const CLIENT: &str = "invalid_request_error";
const LIMIT: &str = "rate_limit_error";
const SERVER: &str = "server_error";

impl ApiError {
    fn row(&self) -> Row {
        use StatusCode as S;
        let unavailable = Some(UNAVAILABLE_RETRY);
        let (status, kind, code, retry_after) = match self {
            Self::NoSuchPath { .. } => (S::NOT_FOUND, CLIENT, "not_found", None),
            Self::WrongMethod { .. } => (S::METHOD_NOT_ALLOWED, CLIENT, "method_not_allowed", None),
            Self::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, CLIENT, "body_too_large", None),
            Self::SlowBody { .. } => (S::REQUEST_TIMEOUT, CLIENT, "body_too_slow", None),
            Self::BrokenBody { .. } => (S::BAD_REQUEST, CLIENT, "body_incomplete", None),
            Self::Invalid(invalid) => (S::BAD_REQUEST, CLIENT, invalid.code(), None),
            Self::Refused(refused) => match refused {
                Refused::UnknownAgent { .. } => (S::NOT_FOUND, CLIENT, "model_not_found", None),
                Refused::PromptTooLong { .. } => {
                    (S::BAD_REQUEST, CLIENT, "context_length_exceeded", None)
                }
                Refused::Invalid { .. } => (S::BAD_REQUEST, CLIENT, "invalid_value", None),
                Refused::QueueFull { retry_after, .. } => {
                    (S::TOO_MANY_REQUESTS, LIMIT, "queue_full", Some(*retry_after))
                }
                Refused::Draining => (S::SERVICE_UNAVAILABLE, SERVER, "draining", unavailable),
                Refused::Restarting { retry_after, .. } => {
                    (S::SERVICE_UNAVAILABLE, SERVER, "engine_restarting", Some(*retry_after))
                }
                Refused::EngineDied { .. } => {
                    (S::SERVICE_UNAVAILABLE, SERVER, "engine_died", unavailable)
                }
            },
            Self::Failed { .. } => (S::INTERNAL_SERVER_ERROR, SERVER, "engine_failed", None),
            Self::Cancelled => (S::SERVICE_UNAVAILABLE, SERVER, "draining", unavailable),
        };
        Row { status, kind, code, retry_after }
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Invalid(invalid) => invalid.param(),
            Self::Refused(Refused::UnknownAgent { .. }) => Some("model"),
            Self::Refused(Refused::PromptTooLong { .. }) => Some("messages"),
            _ => None,
        }
    }

    /// The error as clients read it, in a response or in mid-stream.
    pub(crate) fn envelope(&self) -> Envelope<'_> {
        let row = self.row();
        Envelope {
            error: ErrorBody {
                message: Cow::Owned(self.to_string()),
                kind: Cow::Borrowed(row.kind),
                param: self.param().map(Cow::Borrowed),
                code: Some(Cow::Borrowed(row.code)),
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let row = self.row();
        tracing::info!(status = row.status.as_u16(), code = row.code, "refused");
        let mut response = json(row.status, &self.envelope());
        if let Some(after) = row.retry_after {
            // Whole seconds, rounded up: 0 would mean at once.
            let seconds = after.as_millis().div_ceil(1000).max(1);
            let value = HeaderValue::try_from(seconds.to_string()).expect("digits");
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        response
    }
}

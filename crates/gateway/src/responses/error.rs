//! Errors of requests for responses in the background.

use std::time::Duration;

use axum::http::StatusCode;
use harmonic_api::ErrorClass;

use super::store::{KEPT_FOR, MOST, MOST_OF_KEY};

/// Time until a retry where as many responses run as may.
const RETRY: Duration = Duration::from_secs(5);

/// Error of a request for responses in the background.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResponsesError {
    /// The key has no such response.
    #[error(
        "unknown response `{id}`: only responses with `background` are kept, for {} minutes after \
         their end",
        KEPT_FOR.as_secs() / 60
    )]
    NotFound {
        /// Its id.
        id: String,
    },
    /// As many responses run as may.
    #[error(
        "too many responses run in the background: {MOST_OF_KEY} of a key and {MOST} in all may; \
         wait for one to end, or cancel one"
    )]
    Full,
    /// Events that were dropped.
    #[error(
        "the events after {after} are not kept any more: read the response without `stream`, or \
         stream on after {first}"
    )]
    EventsGone {
        /// The last event that the client has, where it has one.
        after: i64,
        /// The event before the oldest one that is kept.
        first: u64,
    },
    /// A parameter of the query.
    #[error("invalid `{name}` `{value}`: expected {expected}")]
    Query {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        expected: String,
    },
}

impl ResponsesError {
    /// Status, class, code and retry delay of its response.
    pub(crate) fn response(&self) -> (StatusCode, ErrorClass, &'static str, Option<Duration>) {
        use ErrorClass as F;
        use StatusCode as S;
        match self {
            Self::NotFound { .. } => (S::NOT_FOUND, F::NotFound, "response_not_found", None),
            Self::Full => (S::TOO_MANY_REQUESTS, F::Limited, "responses_full", Some(RETRY)),
            Self::EventsGone { .. } => (S::CONFLICT, F::Invalid, "events_gone", None),
            Self::Query { .. } => (S::BAD_REQUEST, F::Invalid, "invalid_value", None),
        }
    }

    /// The parameter that it is about.
    pub(crate) fn param(&self) -> Option<&'static str> {
        match self {
            Self::EventsGone { .. } => Some("starting_after"),
            Self::Query { name, .. } => Some(name),
            Self::NotFound { .. } | Self::Full => None,
        }
    }
}

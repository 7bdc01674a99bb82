//! Errors of the client.

use std::error::Error;
use std::time::Duration;

use reqwest::Url;

use crate::sse::EventsError;

/// Errors of the client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Invalid server URL.
    #[error("invalid server URL `{url}`: {reason}")]
    Address {
        /// The given URL.
        url: String,
        /// Reason and expected form.
        reason: String,
    },
    /// API key with characters that a header cannot contain; not repeated here.
    #[error("invalid API key: expected printable ASCII characters on one line")]
    Key,
    /// TLS or the connection pool cannot be set up.
    #[error("cannot set up an HTTP client: are the system's CA certificates installed?")]
    Setup(#[source] reqwest::Error),
    /// Connection failed or broke.
    #[error("cannot reach {url}: {}; is the server running there?", root_cause(error))]
    Unreachable {
        /// Requested URL.
        url: String,
        /// Network error; its cause is in the message, and those between say nothing more.
        error: reqwest::Error,
    },
    /// Error status.
    #[error("the server answered with status {status}: {message}")]
    Status {
        /// HTTP status.
        status: u16,
        /// Message of the error envelope, or the body if there is none.
        message: String,
        /// Value of `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// Error within a started response.
    #[error("the server broke off its answer: {message}")]
    BrokenOff {
        /// The server's message.
        message: String,
    },
    /// Response not according to the dialect.
    #[error("unexpected response from {url}: {reason}")]
    Protocol {
        /// Requested URL.
        url: String,
        /// Reason.
        reason: String,
    },
}

impl ClientError {
    /// The error of reading the events that `url` answered with.
    pub(super) fn of_events(url: &Url, error: EventsError<reqwest::Error>) -> Self {
        let url = url.to_string();
        match error {
            EventsError::Body(error) => Self::Unreachable { url, error },
            EventsError::Invalid(reason) => {
                Self::Protocol { url, reason: format!("not server-sent events: {reason}") }
            }
        }
    }
}

/// The last cause of `error`, without the system's number.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

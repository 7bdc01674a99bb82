//! Why a server gave no answer, or no whole one.

use std::time::Duration;

/// Why a server gave no answer, or no whole one.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not an address that can be asked.
    #[error("`{url}` is not a server's address: {reason}")]
    Address {
        /// As given.
        url: String,
        /// What is wrong and how to write it.
        reason: String,
    },
    /// A key that no header can carry; it is not repeated here.
    #[error("the API key has characters that cannot be sent: is it copied whole, on one line?")]
    Key,
    /// TLS or the connection pool cannot be set up.
    #[error("cannot set up an HTTP client: are the system's CA certificates installed?")]
    Setup(#[source] reqwest::Error),
    /// No connection, or it broke.
    #[error("cannot reach {url}: is the server running there?")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What the network says.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("the server answered with status {status}: {message}")]
    Status {
        /// HTTP status.
        status: u16,
        /// The envelope's message, or the body where there is no envelope.
        message: String,
        /// When the server says to come back.
        retry_after: Option<Duration>,
    },
    /// The server began an answer and then said that it failed.
    #[error("the server broke off its answer: {message}")]
    BrokenOff {
        /// What it says.
        message: String,
    },
    /// The answer is not what this dialect has.
    #[error("{url} does not answer as OpenAI's API does: {reason}")]
    Protocol {
        /// What was asked.
        url: String,
        /// What was found.
        reason: String,
    },
}

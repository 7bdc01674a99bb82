//! Who fetches models for the server.
//!
//! The server does not know where models come from: what does is given to it.

use std::fmt;

use futures::stream::BoxStream;
use harmonic_api::ollama::Progress;

/// Why a model could not be fetched, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PullFailed(pub String);

/// Why a model may not be fetched for a client, and what would let it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PullRefused(pub String);

/// Fetches models into the store that the server's plans read from.
pub trait Puller: Send + Sync {
    /// Whether clients may have `model` fetched; nothing has been looked up for it.
    ///
    /// # Errors
    /// What would let them.
    fn allows(&self, model: &str) -> Result<(), PullRefused>;

    /// Fetches `model`, which is named as `harmonic models pull` takes it. Yields how far it is,
    /// and ends after one error, or when the model is there; dropping it stops fetching.
    fn pull(&self, model: String) -> BoxStream<'static, Result<Progress, PullFailed>>;
}

impl fmt::Debug for dyn Puller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Puller")
    }
}

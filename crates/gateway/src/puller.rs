//! Interface of the puller, which fetches models for clients; `app` implements it.

use std::fmt;

use futures::stream::BoxStream;
use harmonic_api::ollama::Progress;

/// Error of a pull, with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PullFailed(pub String);

/// Refusal of a pull, with the setting that would allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PullRefused(pub String);

/// Puller of models into the store that plans are made from.
pub trait Puller: Send + Sync {
    /// Checks whether clients may pull `model`, by its name alone.
    ///
    /// # Errors
    /// When they may not.
    fn allows(&self, model: &str) -> Result<(), PullRefused>;

    /// Pulls `model`, a name as for `harmonic models pull`. Yields the progress, and ends after an
    /// error or when the model is complete; dropping the stream cancels the pull.
    fn pull(&self, model: String) -> BoxStream<'static, Result<Progress, PullFailed>>;
}

impl fmt::Debug for dyn Puller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Puller")
    }
}

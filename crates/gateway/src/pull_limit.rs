//! Limit of concurrent pulls: one for each key, [`MAX_PULLS`] in total.

use std::sync::{Arc, Mutex, PoisonError};

use crate::api_error::ApiError;
use crate::config::MAX_PULLS;

/// Keys of the running pulls.
#[derive(Debug, Default)]
pub(crate) struct ActivePulls(Mutex<Vec<Option<Arc<str>>>>);

impl ActivePulls {
    fn with<T>(&self, with: impl FnOnce(&mut Vec<Option<Arc<str>>>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Permit of one pull, released when dropped.
pub(crate) struct PullPermit {
    pulls: Arc<ActivePulls>,
    key: Option<Arc<str>>,
}

impl PullPermit {
    /// Acquires a permit for `key`; all clients without a key share one.
    ///
    /// # Errors
    /// [`ApiError::TooManyPulls`] at the limit.
    pub(crate) fn acquire(
        pulls: &Arc<ActivePulls>,
        key: Option<Arc<str>>,
    ) -> Result<Self, ApiError> {
        pulls.with(|active| {
            if active.len() >= MAX_PULLS || active.contains(&key) {
                return Err(ApiError::TooManyPulls);
            }
            active.push(key.clone());
            Ok(())
        })?;
        Ok(Self { pulls: Arc::clone(pulls), key })
    }
}

impl Drop for PullPermit {
    fn drop(&mut self) {
        self.pulls.with(|active| {
            let own = active.iter().position(|key| *key == self.key);
            own.map(|own| active.swap_remove(own));
        });
    }
}

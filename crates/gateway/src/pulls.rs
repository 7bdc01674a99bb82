//! How many models are fetched at a time: one for each key, [`MAX_PULLS`] in all.

use std::sync::{Arc, Mutex, PoisonError};

use crate::access::KeyName;
use crate::api_error::ApiError;
use crate::config::MAX_PULLS;

/// The pulls that are under way, by their keys.
#[derive(Debug, Default)]
pub(crate) struct Pulls(Mutex<Vec<Option<KeyName>>>);

impl Pulls {
    fn on<T>(&self, with: impl FnOnce(&mut Vec<Option<KeyName>>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The right to one pull, given back when dropped.
pub(crate) struct Turn {
    pulls: Arc<Pulls>,
    key: Option<KeyName>,
}

impl Turn {
    /// Clients without keys are one.
    pub(crate) fn of(pulls: &Arc<Pulls>, key: Option<KeyName>) -> Result<Self, ApiError> {
        pulls.on(|under_way| {
            if under_way.len() >= MAX_PULLS || under_way.contains(&key) {
                return Err(ApiError::PullUnderWay);
            }
            under_way.push(key.clone());
            Ok(())
        })?;
        Ok(Self { pulls: Arc::clone(pulls), key })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.pulls.on(|under_way| {
            let own = under_way.iter().position(|key| *key == self.key);
            own.map(|own| under_way.swap_remove(own));
        });
    }
}

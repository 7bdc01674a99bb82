//! The responses in the background that are in memory.
//!
//! Invariants: at most [`MOST`], and [`MOST_OF_KEY`] of one key; where there is no room, the oldest
//! that has ended goes, first of the same key; those that ended more than [`KEPT_FOR`] ago are gone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::background::BackgroundResponse;
use super::error::ResponsesError;
use crate::runs::RunOwner;

/// Responses in memory, over all keys.
pub(super) const MOST: usize = 64;

/// Responses in memory of one key.
pub(super) const MOST_OF_KEY: usize = 32;

/// Time that a response is kept after its end.
pub(super) const KEPT_FOR: Duration = Duration::from_hours(1);

/// The responses in the background that are in memory.
#[derive(Debug, Default)]
pub(crate) struct BackgroundResponses {
    /// Oldest first.
    kept: Mutex<VecDeque<Arc<BackgroundResponse>>>,
    tasks: TaskTracker,
}

impl BackgroundResponses {
    /// The response `id` of `owner`.
    pub(crate) fn find(&self, owner: &RunOwner, id: &str) -> Option<Arc<BackgroundResponse>> {
        let kept = self.current();
        kept.iter().find(|response| response.id == id && response.owner == *owner).cloned()
    }

    /// Keeps `response`.
    ///
    /// # Errors
    /// [`ResponsesError::Full`] where there is no room, and nothing that has ended.
    pub(crate) fn insert(&self, response: Arc<BackgroundResponse>) -> Result<(), ResponsesError> {
        let mut kept = self.current();
        let of_key = kept.iter().filter(|known| known.owner == response.owner).count();
        let is_removable = |known: &Arc<BackgroundResponse>| {
            let is_own = known.owner == response.owner;
            known.ended().is_some() && (is_own || of_key < MOST_OF_KEY)
        };
        if of_key >= MOST_OF_KEY || kept.len() >= MOST {
            let oldest = kept.iter().position(is_removable).ok_or(ResponsesError::Full)?;
            kept.remove(oldest);
        }
        kept.push_back(response);
        Ok(())
    }

    /// Forgets `response`.
    pub(crate) fn remove(&self, response: &Arc<BackgroundResponse>) {
        self.current().retain(|known| !Arc::ptr_eq(known, response));
    }

    /// Spawns a task that goes on whether or not a client waits for it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Those whose time is not over.
    fn current(&self) -> MutexGuard<'_, VecDeque<Arc<BackgroundResponse>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|response| response.ended().is_none_or(|ended| ended.elapsed() < KEPT_FOR));
        kept
    }
}

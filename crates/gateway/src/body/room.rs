//! Memory for bodies, over all connections.
//!
//! Invariants: what is taken never exceeds the limits; a body that needs more than [`MEDIUM_BYTES`]
//! takes from memory of its own, so that those who send the largest bodies leave the others theirs;
//! who waits holds nothing, or medium room while it waits for large, so all who wait get on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::api_error::ApiError;
use crate::config::Config;

/// Largest body of the medium kind, in bytes.
pub(crate) const MEDIUM_BYTES: usize = 1024 * 1024;
/// Of the memory for bodies, one part in so many is for medium ones.
const MEDIUM_PART: usize = 4;

/// The memory for bodies.
#[derive(Debug)]
pub(crate) struct Rooms {
    medium: Arc<Semaphore>,
    large: Arc<Semaphore>,
    wait: Duration,
}

/// Memory that a body may use. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Room {
    _permit: OwnedSemaphorePermit,
}

impl Rooms {
    pub(crate) fn new(config: &Config) -> Self {
        let medium = (config.body_memory / MEDIUM_PART).max(2 * MEDIUM_BYTES);
        // Each body has room while it is alone: as it came, and decompressed.
        let large = config.body_memory.saturating_sub(medium).max(2 * config.body_limit);
        let semaphore = |bytes: usize| Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)));
        Self { medium: semaphore(medium), large: semaphore(large), wait: config.body_wait }
    }

    /// Room for a body of `bytes`, and for what it may become when it is decompressed; in the order
    /// in which it was asked for.
    ///
    /// # Errors
    /// [`ApiError::BodiesFull`] when there is none for too long.
    pub(super) async fn take(&self, bytes: usize, decoded: usize) -> Result<Room, ApiError> {
        let from = if bytes.max(decoded) <= MEDIUM_BYTES { &self.medium } else { &self.large };
        let permits = u32::try_from(bytes + decoded).map_err(|_| ApiError::BodiesFull)?;
        match timeout(self.wait, Arc::clone(from).acquire_many_owned(permits)).await {
            Ok(Ok(permit)) => Ok(Room { _permit: permit }),
            // Nobody closes it.
            Ok(Err(_)) | Err(_) => Err(ApiError::BodiesFull),
        }
    }
}

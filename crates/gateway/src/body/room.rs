//! Memory for bodies, over all connections.
//!
//! Invariants: what is held never exceeds the limits; a body that needs more than [`MEDIUM_BYTES`]
//! takes from memory of its own, so that those who send the largest bodies leave the others theirs;
//! of those that hold some and wait for more, one at a time has the reserve, in which any body comes
//! to its end, so all who wait get on; a body waits no longer in all than it may.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::api_error::ApiError;
use crate::config::Config;

/// Largest body of the medium kind, in bytes.
pub(crate) const MEDIUM_BYTES: usize = 1024 * 1024;
/// Of the memory for bodies, one part in so many is for medium ones.
const MEDIUM_PART: usize = 4;

/// Which memory a body takes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Medium,
    Large,
}

impl Kind {
    /// That of a body of so many `bytes`.
    pub(super) fn of(bytes: usize) -> Self {
        if bytes <= MEDIUM_BYTES { Self::Medium } else { Self::Large }
    }
}

/// The memory for bodies.
#[derive(Debug)]
pub(crate) struct Rooms {
    medium: Pool,
    large: Pool,
    wait: Duration,
}

/// The memory of one kind.
#[derive(Debug)]
struct Pool {
    /// Bytes for all.
    common: Arc<Semaphore>,
    /// Room for one body, as it came and decompressed.
    reserve: Arc<Semaphore>,
    /// Of both.
    bytes: usize,
}

/// Memory that a body may use. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Room {
    medium: Held,
    large: Held,
    /// How long it may wait yet.
    wait: Duration,
}

/// What a body has of one kind.
#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    /// Of what is common to all.
    common: Option<OwnedSemaphorePermit>,
    /// Whatever else it needs is in it.
    reserve: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// About so many `bytes`, for bodies of up to `largest`.
    fn new(bytes: usize, largest: usize) -> Self {
        let reserve = largest.saturating_mul(2);
        let common = bytes.saturating_sub(reserve).max(largest).min(Semaphore::MAX_PERMITS);
        Self {
            common: Arc::new(Semaphore::new(common)),
            reserve: Arc::new(Semaphore::new(1)),
            bytes: common.saturating_add(reserve),
        }
    }

    /// Waits until `held` is of so many `bytes`; in the order in which it was asked for.
    async fn enlarge(&self, held: &mut Held, bytes: usize) -> Result<(), ApiError> {
        let Some(more) = bytes.checked_sub(held.bytes).filter(|more| *more > 0) else {
            return Ok(());
        };
        if held.reserve.is_none() {
            let permits = u32::try_from(more).map_err(|_| ApiError::BodiesFull)?;
            let common = Arc::clone(&self.common).acquire_many_owned(permits);
            // Who holds nothing keeps nobody waiting: the reserve is for those who do.
            let holds = held.bytes > 0;
            tokio::select! {
                biased;
                // Nobody closes them.
                permit = common => {
                    let permit = permit.map_err(|_| ApiError::BodiesFull)?;
                    match &mut held.common {
                        Some(common) => common.merge(permit),
                        none => *none = Some(permit),
                    }
                }
                permit = Arc::clone(&self.reserve).acquire_owned(), if holds => {
                    held.reserve = Some(permit.map_err(|_| ApiError::BodiesFull)?);
                }
            }
        }
        held.bytes = bytes;
        Ok(())
    }
}

impl Rooms {
    pub(crate) fn new(config: &Config) -> Self {
        let medium = Pool::new(config.body_memory / MEDIUM_PART, MEDIUM_BYTES);
        let large = config.body_memory.saturating_sub(medium.bytes);
        Self { medium, large: Pool::new(large, config.body_limit), wait: config.body_wait }
    }

    /// Bytes of all bodies together, at most.
    pub(crate) fn bytes(&self) -> usize {
        self.medium.bytes.saturating_add(self.large.bytes)
    }

    /// None yet.
    pub(super) fn empty(&self) -> Room {
        Room { medium: Held::default(), large: Held::default(), wait: self.wait }
    }

    /// Makes `room` one for a body of the kind, of which so many `bytes` may come at first. What it
    /// has of the other kind it gives back.
    ///
    /// # Errors
    /// [`ApiError::BodiesFull`] when there is none for too long.
    pub(super) async fn fit(
        &self,
        room: &mut Room,
        kind: Kind,
        bytes: usize,
    ) -> Result<(), ApiError> {
        self.wait(room, kind, |_| bytes).await?;
        if kind == Kind::Large {
            room.medium = Held::default();
        }
        Ok(())
    }

    /// Adds room of the kind for what becomes so many `bytes` when it is decompressed.
    ///
    /// # Errors
    /// [`ApiError::BodiesFull`] when there is none for too long.
    pub(super) async fn add(&self, room: &mut Room, bytes: usize) -> Result<(), ApiError> {
        self.wait(room, Kind::of(bytes), |held| held.saturating_add(bytes)).await
    }

    async fn wait(
        &self,
        room: &mut Room,
        kind: Kind,
        bytes: impl FnOnce(usize) -> usize,
    ) -> Result<(), ApiError> {
        let (pool, held) = match kind {
            Kind::Medium => (&self.medium, &mut room.medium),
            Kind::Large => (&self.large, &mut room.large),
        };
        let began = Instant::now();
        let bytes = bytes(held.bytes);
        let enlarged = timeout(room.wait, pool.enlarge(held, bytes)).await;
        room.wait = room.wait.saturating_sub(began.elapsed());
        enlarged.unwrap_or(Err(ApiError::BodiesFull))
    }
}

#[cfg(test)]
mod tests;

//! Memory for request bodies, over all connections.
//!
//! Invariants: reservations never exceed the limits; bodies above [`MEDIUM_BYTES`] have a pool of
//! their own, so they cannot exhaust that of the others; of the bodies that hold memory and wait
//! for more, one at a time gets the reserve, which is enough for any body, so there is no deadlock;
//! a body waits at most its limit in total.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::api_error::ApiError;
use crate::config::Config;

/// Largest body of the medium class, in bytes.
pub(crate) const MEDIUM_BYTES: usize = 1024 * 1024;
/// Share of the medium pool: one part in so many of the memory for bodies.
const MEDIUM_PART: usize = 4;

/// Size class of a body, with a memory pool for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SizeClass {
    Medium,
    Large,
}

impl SizeClass {
    /// Class of a body of `bytes`.
    pub(super) fn of(bytes: usize) -> Self {
        if bytes <= MEDIUM_BYTES { Self::Medium } else { Self::Large }
    }
}

/// The memory for bodies.
#[derive(Debug)]
pub(crate) struct BodyMemory {
    medium: Pool,
    large: Pool,
    /// Time that a body may wait for memory in total.
    max_wait: Duration,
}

/// Memory pool of one size class.
#[derive(Debug)]
struct Pool {
    /// Bytes for all bodies.
    common: Arc<Semaphore>,
    /// Single permit for memory of one more body, as received and decompressed.
    reserve: Arc<Semaphore>,
    /// Bytes of both together.
    bytes: usize,
}

/// Memory reserved for a body; dropping it releases the memory.
#[derive(Debug)]
pub(super) struct Reservation {
    medium: PoolShare,
    large: PoolShare,
    /// Time that the body may still wait.
    remaining_wait: Duration,
}

/// Memory of one pool held by a body.
#[derive(Debug, Default)]
struct PoolShare {
    bytes: usize,
    /// Permits of the common bytes.
    common: Option<OwnedSemaphorePermit>,
    /// Permit of the reserve, which covers all further bytes.
    reserve: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// Pool of about `bytes`, for bodies of up to `largest`.
    fn new(bytes: usize, largest: usize) -> Self {
        let reserve = largest.saturating_mul(2);
        let common = bytes.saturating_sub(reserve).max(largest).min(Semaphore::MAX_PERMITS);
        Self {
            common: Arc::new(Semaphore::new(common)),
            reserve: Arc::new(Semaphore::new(1)),
            bytes: common.saturating_add(reserve),
        }
    }

    /// Waits until `held` has `bytes`; first come, first served.
    async fn enlarge(&self, held: &mut PoolShare, bytes: usize) -> Result<(), ApiError> {
        let Some(more) = bytes.checked_sub(held.bytes).filter(|more| *more > 0) else {
            return Ok(());
        };
        if held.reserve.is_none() {
            let permits = u32::try_from(more).map_err(|_| ApiError::BodiesFull)?;
            let common = Arc::clone(&self.common).acquire_many_owned(permits);
            // The reserve is only for bodies that hold memory others may wait for.
            let holds_memory = held.bytes > 0;
            tokio::select! {
                biased;
                // The semaphores are never closed.
                permit = common => {
                    let permit = permit.map_err(|_| ApiError::BodiesFull)?;
                    match &mut held.common {
                        Some(common) => common.merge(permit),
                        none => *none = Some(permit),
                    }
                }
                permit = Arc::clone(&self.reserve).acquire_owned(), if holds_memory => {
                    held.reserve = Some(permit.map_err(|_| ApiError::BodiesFull)?);
                }
            }
        }
        held.bytes = bytes;
        Ok(())
    }
}

impl BodyMemory {
    pub(crate) fn new(config: &Config) -> Self {
        let medium = Pool::new(config.body_memory / MEDIUM_PART, MEDIUM_BYTES);
        let large = config.body_memory.saturating_sub(medium.bytes);
        let large = Pool::new(large, config.body_limit);
        Self { medium, large, max_wait: config.body_memory_timeout }
    }

    /// Upper bound of all reservations together, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.medium.bytes.saturating_add(self.large.bytes)
    }

    /// Reservation without memory.
    pub(super) fn empty_reservation(&self) -> Reservation {
        let (medium, large) = (PoolShare::default(), PoolShare::default());
        Reservation { medium, large, remaining_wait: self.max_wait }
    }

    /// Enlarges `reserved` to `bytes` of the pool of `class`; a large body releases its memory of
    /// the medium pool.
    ///
    /// # Errors
    /// [`ApiError::BodiesFull`] when the wait is too long.
    pub(super) async fn reserve(
        &self,
        reserved: &mut Reservation,
        class: SizeClass,
        bytes: usize,
    ) -> Result<(), ApiError> {
        self.enlarge(reserved, class, |_| bytes).await?;
        if class == SizeClass::Large {
            reserved.medium = PoolShare::default();
        }
        Ok(())
    }

    /// Adds memory for the decompressed body, of up to `bytes`.
    ///
    /// # Errors
    /// [`ApiError::BodiesFull`] when the wait is too long.
    pub(super) async fn reserve_decoded(
        &self,
        reserved: &mut Reservation,
        bytes: usize,
    ) -> Result<(), ApiError> {
        let class = SizeClass::of(bytes);
        self.enlarge(reserved, class, |held| held.saturating_add(bytes)).await
    }

    async fn enlarge(
        &self,
        reserved: &mut Reservation,
        class: SizeClass,
        bytes: impl FnOnce(usize) -> usize,
    ) -> Result<(), ApiError> {
        let (pool, held) = match class {
            SizeClass::Medium => (&self.medium, &mut reserved.medium),
            SizeClass::Large => (&self.large, &mut reserved.large),
        };
        let began = Instant::now();
        let bytes = bytes(held.bytes);
        let enlarged = timeout(reserved.remaining_wait, pool.enlarge(held, bytes)).await;
        reserved.remaining_wait = reserved.remaining_wait.saturating_sub(began.elapsed());
        enlarged.unwrap_or(Err(ApiError::BodiesFull))
    }
}

#[cfg(test)]
mod tests;

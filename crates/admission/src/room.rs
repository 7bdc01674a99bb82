//! Interface to an engine's capacity, which admission reserves.

use harmonic_types::{RequestClass, RequestId, Tier};

/// Capacity of an engine. It knows the identifier and the maximum size of a request before the
/// request is offered to [`crate::Admission`].
///
/// Invariant: after [`Room::fits`] returned true, reserving, preempting and resuming succeed as
/// long as nothing else changed. If one fails all the same, the request stays in its queue and the
/// round of decisions ends.
pub trait Room {
    /// Whether `next`, queued or preempted, has room once `victims` are preempted.
    ///
    /// # Errors
    /// [`Short`] if `victims` cannot all be preempted.
    fn fits(&self, next: RequestId, victims: &[RequestId]) -> Result<bool, Short>;

    /// Whether a request may borrow a slot, judged by the memory to preempt it later. Called after
    /// [`Room::fits`].
    fn can_borrow(&self, request: &BorrowRequest<'_>) -> bool;

    /// Whether all of `ids`, running or about to, could be preempted at once, however far they are.
    fn can_save(&self, ids: &[RequestId]) -> bool;

    /// Reserves room for a request that starts.
    ///
    /// # Errors
    /// [`Short`] if there is none.
    fn reserve(&mut self, id: RequestId) -> Result<(), Short>;

    /// Saves a running request and frees its room.
    ///
    /// # Errors
    /// [`Short`] if it cannot be saved, which takes memory as well.
    fn preempt(&mut self, id: RequestId) -> Result<(), Short>;

    /// Reserves room for a preempted request again.
    ///
    /// # Errors
    /// [`Short`] if there is none.
    fn resume(&mut self, id: RequestId) -> Result<(), Short>;

    /// Frees everything held for a queued, running or preempted request. Unknown requests are
    /// ignored.
    fn release(&mut self, id: RequestId);
}

/// A request that would borrow a slot.
#[derive(Clone, Copy, Debug)]
pub struct BorrowRequest<'a> {
    /// The borrower.
    pub next: RequestId,
    /// Its tier.
    pub tier: Tier,
    /// Its class. A background request that has waited long counts as interactive.
    pub class: RequestClass,
    /// All running borrowers that may be preempted.
    pub borrowers: &'a [RequestId],
    /// Borrowers, this one included, that no quota displaces: they use what belongs to nobody.
    pub unclaimed: u32,
}

/// Reason why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// No free slots or KV memory.
    Room,
    /// No memory to save a preempted request.
    Saving,
    /// The engine cannot preempt.
    NotPreemptible,
}

//! What an engine has to say to each decision: whether there is room.

use harmonic_types::{RequestId, Tier};

/// Room of an engine. It knows each request by its identifier, and what the request may come to
/// take, before that is offered to [`crate::Admission`].
///
/// Invariant between the two: what [`Room::fits`] allowed is reserved, preempted and resumed without
/// an error as long as nothing else changed. An error all the same is heeded: the request keeps its
/// place in its queue, and no more is decided in that round.
pub trait Room {
    /// Whether `next`, which waits or was preempted, has room once `victims` are preempted.
    ///
    /// # Errors
    /// [`Short`] where `victims` cannot all be preempted.
    fn fits(&self, next: RequestId, victims: &[RequestId]) -> Result<bool, Short>;

    /// Whether a slot may be lent, as far as taking it back goes. Asked after [`Room::fits`].
    fn can_borrow(&self, request: &BorrowRequest<'_>) -> bool;

    /// Reserves the room of a request that starts.
    ///
    /// # Errors
    /// [`Short`] where there is none.
    fn reserve(&mut self, id: RequestId) -> Result<(), Short>;

    /// Saves a running request and frees its room.
    ///
    /// # Errors
    /// [`Short`] where it cannot be saved: saving needs space as well.
    fn preempt(&mut self, id: RequestId) -> Result<(), Short>;

    /// Reserves the room of a preempted request again.
    ///
    /// # Errors
    /// [`Short`] where there is none.
    fn resume(&mut self, id: RequestId) -> Result<(), Short>;

    /// Frees all that is held for a request, whether it waits, runs or is preempted. Unknown
    /// requests are ignored.
    fn release(&mut self, id: RequestId);
}

/// A slot that would be lent.
#[derive(Clone, Copy, Debug)]
pub struct BorrowRequest<'a> {
    /// The request that would borrow it.
    pub next: RequestId,
    /// Its tier.
    pub tier: Tier,
    /// All requests that run on borrowed slots and may be preempted.
    pub borrowers: &'a [RequestId],
}

/// The lack of something that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// Slots or memory to run in.
    Room,
    /// Memory to save a preempted request in.
    Saving,
    /// The engine cannot preempt.
    NotPreemptible,
}

//! What is asked of admission, and what it answers.

use std::time::Duration;

use harmonic_types::RequestId;

/// A request for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Identifier of the request, unique among those that are not over.
    pub id: RequestId,
    /// Index into [`crate::AdmissionConfig::agents`].
    pub agent: usize,
}

/// What happens to a request now. Its room is reserved, or saved, when this is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It runs for the first time.
    Start {
        /// The request.
        id: RequestId,
        /// Time since its offer.
        queued: Duration,
        /// Whether it runs beyond its agent's quota.
        borrowed: bool,
    },
    /// It gives a borrowed slot back and is saved.
    Preempt {
        /// The request.
        id: RequestId,
    },
    /// It goes on where it was preempted.
    Resume {
        /// The request.
        id: RequestId,
        /// Whether it runs beyond its agent's quota.
        borrowed: bool,
    },
}

/// An agent's load now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentLoad {
    /// Planned slots.
    pub slots: u32,
    /// Requests that it may have in flight without borrowing.
    pub quota: u32,
    /// Its requests in flight.
    pub in_flight: u32,
    /// Those of them beyond its quota.
    pub borrowed: u32,
    /// Its requests that were preempted and wait to go on.
    pub preempted: u32,
    /// Its requests that wait and have not run yet.
    pub queued: u32,
}

//! Inputs and outputs of admission.

use std::time::Duration;

use harmonic_types::{RequestClass, RequestId};

/// A request for admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Identifier, unique among unfinished requests.
    pub id: RequestId,
    /// Index into [`crate::AdmissionConfig::agents`].
    pub agent: usize,
    /// Priority class.
    pub class: RequestClass,
}

/// An admission decision. Room is already reserved, or state saved, when it is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request runs for the first time.
    Start {
        /// The request.
        id: RequestId,
        /// Time since its offer.
        queued: Duration,
        /// Whether it exceeds its agent's quota.
        borrowed: bool,
    },
    /// The request releases a borrowed slot and is saved.
    Preempt {
        /// The request.
        id: RequestId,
    },
    /// The request continues where it was preempted.
    Resume {
        /// The request.
        id: RequestId,
        /// Whether it exceeds its agent's quota.
        borrowed: bool,
    },
}

/// Current load of one agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentLoad {
    /// Planned slots.
    pub slots: u32,
    /// Requests that it may have in flight without borrowing.
    pub quota: u32,
    /// Requests in flight.
    pub in_flight: u32,
    /// Requests in flight beyond the quota.
    pub borrowed: u32,
    /// Preempted requests waiting to resume.
    pub preempted: u32,
    /// Requests waiting to start.
    pub queued: u32,
}

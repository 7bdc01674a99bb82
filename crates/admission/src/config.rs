//! Admission configuration of one engine.

use std::time::Duration;

use harmonic_types::{AgentName, Tier};

/// One agent on an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentConfig {
    /// Name, used in rejections.
    pub name: AgentName,
    /// Priority.
    pub tier: Tier,
    /// Planned slots; scaled down by [`crate::quotas`] if their sum exceeds the requests allowed in
    /// flight.
    pub slots: u32,
}

/// Admission limits of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// Agents served, indexed by [`crate::Ticket::agent`].
    pub agents: Vec<AgentConfig>,
    /// Limit on requests in flight.
    pub max_in_flight: u32,
    /// Sum of the quotas: less than `max_in_flight` if engines share a device
    /// ([`crate::DeviceArbiter`]).
    pub quota_total: u32,
    /// Requests in flight on the device that no quota of any engine claims.
    pub unowned: u32,
    /// Limit on queued requests per agent.
    pub queue_limit: u32,
    /// Retry delay stated in a [`harmonic_types::Rejection::QueueFull`].
    pub retry_after: Duration,
    /// Waiting time that promotes a request by one tier.
    pub ageing: Duration,
}

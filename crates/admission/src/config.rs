//! Configuration of the admission of one engine.

use std::time::Duration;

use harmonic_types::{AgentName, Tier};

/// One agent on an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentConfig {
    /// Name, for what a refused client is told.
    pub name: AgentName,
    /// Priority.
    pub tier: Tier,
    /// Planned slots; scaled down to [`crate::quotas`] where there are more of them than requests
    /// may be in flight.
    pub slots: u32,
}

/// Limits of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// Agents served; a [`crate::Ticket`] names one by its index here.
    pub agents: Vec<AgentConfig>,
    /// Most requests in flight.
    pub max_in_flight: u32,
    /// Sum of the quotas: fewer than `max_in_flight` where engines share a device
    /// ([`crate::DeviceArbiter`]).
    pub quota_total: u32,
    /// Most requests that wait per agent.
    pub queue_limit: u32,
    /// What a refused client is told to wait.
    pub retry_after: Duration,
    /// Waiting time that counts as one tier, so that no request starves.
    pub ageing: Duration,
}

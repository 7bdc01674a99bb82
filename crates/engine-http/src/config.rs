//! Configuration of an engine over HTTP, and its part for admission.

use std::time::Duration;

use harmonic_admission::{AdmissionConfig, AgentConfig, quotas};
use harmonic_engine::scheduler::SchedulerConfig;
use harmonic_engine::{Capabilities, Identity};
use harmonic_events::EventStream;
use harmonic_types::{AgentSpec, EngineKind, Tokens};

use crate::endpoint::Endpoint;

/// An agent served by an engine over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpAgent {
    /// System prompt, sampling, thinking.
    pub spec: AgentSpec,
    /// Planned slots.
    pub slots: u32,
    /// Planned context size of each of its sequences.
    pub context: Tokens,
    /// Name of its model on the server.
    pub model: String,
}

/// Configuration of an engine over HTTP.
#[derive(Clone, Debug)]
pub struct HttpEngineConfig {
    /// [`harmonic_types::EnginePlan::id`].
    pub id: String,
    /// Base model.
    pub model: String,
    /// Kind of the server.
    pub kind: EngineKind,
    /// Model file, build and cache format that measurements are valid for.
    pub identity: Identity,
    /// Agents served.
    pub agents: Vec<HttpAgent>,
    /// Parallel slots of the server: the limit on requests sent at once.
    pub sequences: u32,
    /// Limit on queued requests per agent.
    pub queue_limit: u32,
    /// Limit on sequences in flight of the deployment.
    pub max_in_flight: u32,
    /// Where its events go.
    pub events: EventStream,
    /// The server.
    pub endpoint: Endpoint,
    /// What the server can do; other requests are refused.
    pub capabilities: Capabilities,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time without a byte from the server, that before its response included; `None` is unlimited.
    pub idle_timeout: Option<Duration>,
}

impl HttpEngineConfig {
    /// Limits on the requests in flight. Slots of the server beyond all quotas belong to no agent.
    pub(crate) fn admission(&self) -> AdmissionConfig {
        let agent = |agent: &HttpAgent| AgentConfig {
            name: agent.spec.name.clone(),
            tier: agent.spec.tier,
            slots: agent.slots,
        };
        let agents: Vec<AgentConfig> = self.agents.iter().map(agent).collect();
        let max_in_flight = self.sequences.min(self.max_in_flight).max(1);
        let owned: u32 = quotas(&agents, max_in_flight).into_iter().sum();
        AdmissionConfig {
            agents,
            max_in_flight,
            quota_total: max_in_flight,
            unowned: max_in_flight.saturating_sub(owned),
            queue_limit: self.queue_limit,
            retry_after: SchedulerConfig::RETRY_AFTER,
            ageing: SchedulerConfig::AGEING,
        }
    }
}

//! Slot report of a harmonic server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use harmonic_types::{KvLayout, KvType};
use serde::{Deserialize, Serialize};

use super::{Client, ClientError};

/// Engine as reported by `GET /slots`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSlots {
    /// Engine id in the plan.
    pub id: String,
    /// Base model.
    pub model: String,
    /// What the engine runs.
    #[serde(flatten)]
    pub identity: EngineIdentity,
    /// What the engine can do.
    #[serde(default)]
    pub capabilities: EngineCapabilities,
    /// Agents in the order of the plan.
    pub agents: Vec<AgentSlots>,
}

/// Capabilities of an engine, as far as clients differ by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineCapabilities {
    /// Whether it generates text; otherwise it computes embeddings.
    pub generation: bool,
}

impl Default for EngineCapabilities {
    fn default() -> Self {
        Self { generation: true }
    }
}

/// Model and build that an engine runs, as reported by it; `None` if unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineIdentity {
    /// sha256 of the model file.
    pub digest: Option<String>,
    /// Weight format.
    pub format: Option<String>,
    /// Kind and build of the engine.
    pub build: Option<String>,
    /// Layout of the KV cache.
    pub kv_layout: Option<KvLayout>,
    /// Element type of the KV cache.
    pub kv_type: Option<KvType>,
}

/// Slots of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSlots {
    /// Agent name.
    pub agent: String,
    /// Guaranteed slots.
    pub slots: u32,
    /// Requests that wait for a slot; `None` if not reported.
    #[serde(default)]
    pub queued: Option<u32>,
}

#[derive(Deserialize)]
struct Report {
    schema: String,
    engines: Vec<EngineSlots>,
}

impl Client {
    /// Engines of the server with the slots of their agents; `None` if it is not a harmonic server.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] without a response.
    pub async fn slots(&self) -> Result<Option<Vec<EngineSlots>>, ClientError> {
        let report: Report = match self.document("slots", "the slots of a harmonic server").await {
            Ok(report) => report,
            // llama-server has a route of this name too, which may be disabled.
            Err(ClientError::Status { .. } | ClientError::Protocol { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(report.schema.starts_with("harmonic.slots/").then_some(report.engines))
    }

    /// Whether the server's address is a loopback address.
    pub fn is_local(&self) -> bool {
        super::is_this_host(&self.base)
    }

    /// Address of a server on this host; `None` for any other.
    pub fn local_address(&self) -> Option<SocketAddr> {
        let host = self.base.host_str().filter(|_| self.is_local())?.trim_matches(['[', ']']);
        let address = host.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Some(SocketAddr::new(address, self.base.port_or_known_default()?))
    }
}

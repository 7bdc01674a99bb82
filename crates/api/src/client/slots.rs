//! Who has which slots on our own server.

use harmonic_types::{KvLayout, KvType};
use serde::{Deserialize, Serialize};

use super::{Client, ClientError};

/// One engine of our own server, as `GET /slots` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSlots {
    /// Its name in the plan.
    pub id: String,
    /// Base model.
    pub model: String,
    /// What it runs.
    #[serde(flatten)]
    pub identity: EngineIdentity,
    /// Its agents, in the order of the plan.
    pub agents: Vec<AgentSlots>,
}

/// What an engine runs, as it says itself; `None` of what it does not know.
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

/// One agent of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSlots {
    /// Its name.
    pub agent: String,
    /// Guaranteed slots.
    pub slots: u32,
}

#[derive(Deserialize)]
struct Report {
    schema: String,
    engines: Vec<EngineSlots>,
}

impl Client {
    /// The engines of the server with the slots of their agents; `None` where it is not one of ours.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when nobody answers.
    pub async fn slots(&self) -> Result<Option<Vec<EngineSlots>>, ClientError> {
        let report: Report = match self.document("slots", "the slots of a harmonic server").await {
            Ok(report) => report,
            // llama-server has a page of this name, too, which it may keep to itself.
            Err(ClientError::Status { .. } | ClientError::Protocol { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(report.schema.starts_with("harmonic.slots/").then_some(report.engines))
    }

    /// Whether the server runs on this host, by its address.
    pub fn is_local(&self) -> bool {
        super::is_this_host(&self.base)
    }
}

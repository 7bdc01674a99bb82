//! Who has which slots on our own server.

use serde::{Deserialize, Serialize};

use super::{Client, ClientError};

/// One engine of our own server, as `GET /slots` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSlots {
    /// Its name in the plan.
    pub id: String,
    /// Base model.
    pub model: String,
    /// Its agents, in the order of the plan.
    pub agents: Vec<AgentSlots>,
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
        let url = self.url("slots");
        let response = match self.send(&url, |client| client.get(url.clone())).await {
            Ok(response) => response,
            // llama-server has a page of this name, too, which it may keep to itself.
            Err(ClientError::Status { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let unreachable = |source| ClientError::Unreachable { url: url.to_string(), source };
        let body = response.bytes().await.map_err(unreachable)?;
        let report: Option<Report> = serde_json::from_slice(&body).ok();
        let ours = report.filter(|report| report.schema.starts_with("harmonic.slots/"));
        Ok(ours.map(|report| report.engines))
    }

    /// Whether the server runs on this host, by its address.
    pub fn is_local(&self) -> bool {
        super::is_this_host(&self.base)
    }
}

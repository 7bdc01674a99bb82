//! What our own server says of its engines.

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Client, ClientError, status};

/// What `GET /health` of our own server says. Other servers say less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerHealth {
    /// `ok` or `degraded`.
    pub status: String,
    /// Its engines.
    pub engines: Vec<EngineHealth>,
}

/// One engine of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineHealth {
    /// Its name in the plan.
    pub id: String,
    /// Base model.
    pub model: String,
    /// `llama` or `sim`; empty where it does not say.
    #[serde(default)]
    pub kind: String,
    /// `ready`, `draining`, `restarting`, `stopped` or `died`.
    pub state: String,
    /// What is known of its death.
    #[serde(default)]
    pub message: Option<String>,
    /// Sequences that run.
    pub in_flight: u32,
    /// Requests that wait.
    pub queued: u32,
}

impl Client {
    /// What the server says of its engines, be they well or not.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when nobody answers, [`ClientError::Status`] when the server
    /// refuses, [`ClientError::Protocol`] when it is not one of ours.
    pub async fn engines(&self) -> Result<ServerHealth, ClientError> {
        let url = self.url("health");
        let unreachable = |source| ClientError::Unreachable { url: url.to_string(), source };
        let response =
            self.signed(self.fresh.get(url.clone())).send().await.map_err(unreachable)?;
        // A server with an engine that cannot serve says so with this status, and the report.
        let unwell = response.status() == StatusCode::SERVICE_UNAVAILABLE;
        if !unwell && !response.status().is_success() {
            return Err(status(response).await);
        }
        let body = response.bytes().await.map_err(unreachable)?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Protocol {
            url: url.to_string(),
            reason: format!("not the health of a harmonic server: {error}"),
        })
    }
}

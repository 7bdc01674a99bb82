//! Health report of a harmonic server.

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Client, ClientError, status};

/// Response of `GET /health`. Other servers omit fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerHealth {
    /// `ok` or `degraded`.
    pub status: String,
    /// The server's engines.
    pub engines: Vec<EngineHealth>,
}

/// Health of one engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineHealth {
    /// Engine id in the plan.
    pub id: String,
    /// Base model.
    pub model: String,
    /// `llama` or `sim`; empty if not reported.
    #[serde(default)]
    pub kind: String,
    /// `ready`, `draining`, `restarting`, `stopped` or `died`.
    pub state: String,
    /// Cause of death.
    #[serde(default)]
    pub message: Option<String>,
    /// Running sequences.
    pub in_flight: u32,
    /// Queued requests.
    pub queued: u32,
}

impl Client {
    /// Health of the server's engines, whether healthy or not.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] without a response, [`ClientError::Status`] for other error
    /// statuses, [`ClientError::Protocol`] if it is not a harmonic server.
    pub async fn engines(&self) -> Result<ServerHealth, ClientError> {
        let url = self.url("health");
        let unreachable = |error| ClientError::Unreachable { url: url.to_string(), error };
        let response =
            self.signed(self.fresh.get(url.clone())).send().await.map_err(unreachable)?;
        // A server with a failed engine sends its report with this status.
        let unhealthy = response.status() == StatusCode::SERVICE_UNAVAILABLE;
        if !unhealthy && !response.status().is_success() {
            return Err(status(response).await);
        }
        let body = response.bytes().await.map_err(unreachable)?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Protocol {
            url: url.to_string(),
            reason: format!("not the health of a harmonic server: {error}"),
        })
    }
}

//! Response of `GET /v1/models`.

use serde::{Deserialize, Serialize};

/// List of models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelList {
    /// `list`.
    #[serde(default)]
    pub object: String,
    /// Models.
    pub data: Vec<ModelCard>,
}

impl ModelList {
    /// List of `data`.
    pub fn new(data: Vec<ModelCard>) -> Self {
        Self { object: "list".to_owned(), data }
    }
}

/// Model. The fields after `owned_by` are extensions that other servers do not send.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Name used in requests.
    pub id: String,
    /// `model`.
    #[serde(default)]
    pub object: String,
    /// Start of availability, in seconds since 1970.
    #[serde(default)]
    pub created: u64,
    /// Provider.
    #[serde(default)]
    pub owned_by: String,
    /// One-line description of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Base model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Context per request in tokens, prompt and answer together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u32>,
}

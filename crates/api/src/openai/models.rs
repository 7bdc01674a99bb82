//! The answer of `GET /v1/models`.

use serde::{Deserialize, Serialize};

/// The models that can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelList {
    /// `list`.
    #[serde(default)]
    pub object: String,
    /// The models.
    pub data: Vec<ModelCard>,
}

impl ModelList {
    /// A list of `data`.
    pub fn new(data: Vec<ModelCard>) -> Self {
        Self { object: "list".to_owned(), data }
    }
}

/// One model. The fields after `owned_by` are extensions; other servers do not send them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The name that a request gives.
    pub id: String,
    /// `model`.
    #[serde(default)]
    pub object: String,
    /// Seconds since 1970 at which it became available.
    #[serde(default)]
    pub created: u64,
    /// Who serves it.
    #[serde(default)]
    pub owned_by: String,
    /// One line on what the agent is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Base model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tokens that one request can use, prompt and answer together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u32>,
}

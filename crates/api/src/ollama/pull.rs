//! `POST /api/pull`: download of a model into the store.

use harmonic_types::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaPull")]
pub struct PullBody {
    /// Model source, as accepted by `harmonic models pull`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Older name of `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether progress is streamed as lines; absent means yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
}

/// Progress of a pull; the last status is `success`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Current step, human-readable.
    pub status: String,
    /// File being fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Size of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Bytes>,
    /// Downloaded bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Bytes>,
}

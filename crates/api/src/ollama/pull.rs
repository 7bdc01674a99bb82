//! `POST /api/pull`: to fetch a model into the store.

use harmonic_types::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaPull")]
pub struct PullBody {
    /// The model, as `harmonic models pull` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The older name of `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether progress comes in lines; absent is yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
}

/// How far a pull is; the last says `success`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is done now, for people.
    pub status: String,
    /// What is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Bytes>,
    /// How much of it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Bytes>,
}

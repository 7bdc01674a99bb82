//! Response of `POST /runs/{id}/replay`.

use harmonic_types::RunRecord;
use serde::{Deserialize, Serialize};

/// A run that was done again without a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReplay {
    /// [`RunReplay::SCHEMA`].
    pub schema: String,
    /// Whether the records are the same, and the end is that which the run had.
    pub same: bool,
    /// What is not the same.
    #[serde(default)]
    pub difference: Option<String>,
    /// The record of the run.
    pub recorded: RunRecord,
    /// The record of the replay, as far as it came.
    pub replayed: RunRecord,
}

impl RunReplay {
    /// Schema of this version.
    pub const SCHEMA: &str = "harmonic.run-replay/1";
}

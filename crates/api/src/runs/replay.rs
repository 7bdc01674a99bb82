//! Response of `POST /runs/{id}/replay`.

use harmonic_types::RunRecord;
use serde::{Deserialize, Serialize};

/// A run that was done again without a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReplay {
    /// [`RunReplay::SCHEMA`].
    pub schema: String,
    /// Whether state, answer, and the states and texts of all tasks are the same.
    pub same: bool,
    /// The record of the run.
    pub recorded: RunRecord,
    /// The record of the replay; its times are its own.
    pub replayed: RunRecord,
}

impl RunReplay {
    /// Schema of this version.
    pub const SCHEMA: &str = "harmonic.run-replay/1";
}

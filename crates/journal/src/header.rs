//! The first line of a journal.

use harmonic_types::RunId;
use serde::{Deserialize, Serialize};

/// What a journal states of its run, once and for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`Header::SCHEMA`].
    schema: String,
    /// The run.
    pub run: RunId,
    /// Name of the key that the run belongs to.
    pub owner: String,
    /// Start of the run, in milliseconds since the Unix epoch.
    pub started_ms: u64,
}

impl Header {
    /// Schema of this version.
    pub const SCHEMA: &str = "harmonic.journal/1";

    /// Maximum bytes of an owner's name.
    pub const LONGEST_OWNER: usize = 256;

    /// Maximum bytes of the line: an owner of control characters takes six for each.
    pub(crate) const LONGEST_LINE: u64 = 2048;

    /// Header of the run `run`.
    pub fn new(run: RunId, owner: impl Into<String>, started_ms: u64) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), run, owner: owner.into(), started_ms }
    }
}

/// What every version of the header has.
#[derive(Deserialize)]
pub(crate) struct AnyVersion {
    pub(crate) schema: String,
}

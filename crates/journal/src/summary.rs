//! What a list of runs shows of a run: small, and read without its journal.

use harmonic_types::RunId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::JournalError;
use crate::folder::Folder;

/// Name of the file.
const NAME: &str = "summary.json";

/// Schema of this version.
const SCHEMA: &str = "harmonic.journal-summary/1";

/// Maximum length of the file, in bytes.
const LONGEST: u64 = 64 << 10;

/// Summary of a run. It may be older than the journal: it is not flushed, and a process may end
/// between the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Whether the run has ended for good. Such runs are removed by [`crate::Store::keep`].
    pub finished: bool,
    /// What its owner wants to show of it.
    pub detail: Value,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: String,
    #[serde(flatten)]
    summary: RunSummary,
}

/// Replaces the summary in the folder of a run.
pub(crate) fn write(folder: &Folder, id: &RunId, summary: RunSummary) -> Result<(), JournalError> {
    let document = Document { schema: SCHEMA.to_owned(), summary };
    let invalid = |source| JournalError::Summary { id: id.clone(), source };
    let json = serde_json::to_vec(&document).map_err(invalid)?;
    let bytes = json.len() as u64;
    if bytes > LONGEST {
        let (id, what) = (id.clone(), "the summary");
        return Err(JournalError::TooLong { id, what, bytes, limit: LONGEST });
    }
    folder
        .replace(NAME, &json, false)
        .map_err(|source| JournalError::write(id, "the summary", folder.path_of(NAME), source))
}

/// The summary in the folder of a run; `None` where there is none yet.
pub(crate) fn read(folder: &Folder, id: &RunId) -> Result<Option<RunSummary>, JournalError> {
    let Some(json) = folder.read(NAME, LONGEST)? else { return Ok(None) };
    let invalid = |source| JournalError::Summary { id: id.clone(), source };
    let document: Document = serde_json::from_slice(&json).map_err(invalid)?;
    if document.schema != SCHEMA {
        let (path, schema) = (folder.path_of(NAME), document.schema);
        return Err(JournalError::OtherVersion { path, schema, expected: SCHEMA });
    }
    Ok(Some(document.summary))
}

//! Entries of a run's journal.
//!
//! Invariants: the first entry opens the run, all others are its inputs in the order in which they
//! were applied; an entry that is long is an artifact, and the journal has its digest.

use harmonic_journal::{ArtifactId, Durability, JournalError, Recovered};
use harmonic_orchestrator::{Input, RunSpec};
use serde::{Deserialize, Serialize};

/// Length of an entry from which on it is stored as an artifact, in bytes of JSON.
const LONGEST_LINE: usize = 16 << 10;

/// What a run was opened with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// Specification.
    pub spec: RunSpec,
    /// Name of the stack that served it.
    pub stack: String,
    /// Names of its tool sets in the server's configuration.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Name of its workspace in the server's configuration.
    #[serde(default)]
    pub workspace: Option<String>,
    /// Names of its tools that a process of its client offers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_tools: Vec<String>,
    /// Whether it lives no longer than the request that it answers, so that nobody would read its
    /// answer after a restart.
    #[serde(default)]
    pub is_attached: bool,
    /// Why its tasks are found in this way, where the server chose.
    #[serde(default)]
    pub note: Option<String>,
}

/// Entry of a run's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// The run was opened.
    Opened(Box<Opened>),
    /// An input.
    Input {
        /// The input.
        #[serde(flatten)]
        input: Input,
    },
    /// The entry is the JSON text in an artifact.
    Stored {
        /// The artifact.
        artifact: ArtifactId,
    },
}

impl Entry {
    /// The entry as it is written to a journal, and the artifact that it is stored in, if it is
    /// long.
    pub(crate) fn to_line(&self) -> Result<(Self, Option<Vec<u8>>), serde_json::Error> {
        let json = serde_json::to_vec(self)?;
        if json.len() <= LONGEST_LINE {
            return Ok((self.clone(), None));
        }
        let artifact = ArtifactId::of(&json);
        Ok((Self::Stored { artifact }, Some(json)))
    }
}

/// What an input survives: what a model, a tool or a person has given survives the machine; what
/// can be made anew survives the process.
pub(crate) fn durability(input: &Input) -> Durability {
    match input {
        Input::PlanText { .. } | Input::TimerFired { .. } => Durability::Buffered,
        _ => Durability::Synced,
    }
}

/// A journal that was read: what the run was opened with, and its inputs with their times.
#[derive(Clone, Debug)]
pub(crate) struct JournalledRun {
    pub(crate) owner: String,
    pub(crate) opened: Opened,
    pub(crate) inputs: Vec<(u64, Input)>,
    /// Time of the last entry, in milliseconds since the start.
    pub(crate) last_ms: u64,
    /// What a person should know of the recovery.
    pub(crate) warning: Option<String>,
}

impl JournalledRun {
    /// The run of a journal, whose artifacts `artifact` reads.
    pub(crate) fn of(
        recovered: Recovered<Entry>,
        artifact: impl Fn(&ArtifactId) -> Result<Vec<u8>, JournalError>,
    ) -> Result<Self, ReadError> {
        let warning = recovered.warning();
        let run = recovered.header.run.clone();
        let (mut opened, mut inputs, mut last_ms) = (None, Vec::new(), 0);
        for line in recovered.entries {
            let entry = match line.entry {
                Entry::Stored { artifact: id } => {
                    let json = artifact(&id)?;
                    serde_json::from_slice(&json).map_err(|source| JournalError::Entry {
                        id: run.clone(),
                        number: line.number,
                        source,
                    })?
                }
                entry => entry,
            };
            last_ms = last_ms.max(line.at_ms);
            match (entry, &opened) {
                (Entry::Opened(first), None) => opened = Some(*first),
                (Entry::Input { input }, Some(_)) => inputs.push((line.at_ms, input)),
                (Entry::Opened(_) | Entry::Stored { .. }, _) | (Entry::Input { .. }, None) => {
                    return Err(ReadError::Order { number: line.number });
                }
            }
        }
        let opened = opened.ok_or(ReadError::NotOpened)?;
        Ok(Self { owner: recovered.header.owner, opened, inputs, last_ms, warning })
    }
}

/// Error of reading a run from its journal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("its process ended before it was opened")]
    NotOpened,
    #[error("entry {number} of the journal is not expected there")]
    Order { number: u64 },
}

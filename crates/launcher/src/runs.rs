//! The record on disk of the deployments that run: a file for each port.
//!
//! Invariants: no half file under a final name; a record counts only while the process that wrote
//! it runs, so one that was killed leaves nothing that has to be cleaned up; a record is removed
//! only by whom it is of, under the lock of the folder; a broken record hides no other.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use harmonic_fsutil::{
    FileError, FileLock, Folder, MAX_DOCUMENT, WriteOptions, read, read_folder, replace,
};
use harmonic_types::AgentName;
use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::process::ProcessId;

/// One deployment that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// [`Run::SCHEMA`].
    pub schema: String,
    /// Its process.
    pub process: ProcessId,
    /// [`harmonic_types::Plan::stack`].
    pub stack: String,
    /// Base URL for a client on this machine.
    pub url: String,
    /// Where it listens.
    pub port: u16,
    /// Seconds since 1970 at which it began to serve.
    pub since: u64,
    /// Seconds that running answers get when it is told to stop.
    pub grace: u64,
    /// Where its log goes; absent where it has a terminal.
    pub log: Option<PathBuf>,
    /// Its agents, in the order of the stack.
    pub agents: Vec<RunAgent>,
}

/// One agent of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAgent {
    /// Its name.
    pub name: AgentName,
    /// Guaranteed slots.
    pub slots: u32,
}

impl Run {
    /// The schema this build writes and reads.
    pub const SCHEMA: &'static str = "harmonic.run/1";

    /// Seconds since it began to serve.
    pub fn uptime(&self) -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs().saturating_sub(self.since))
    }
}

/// The folder of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    folder: PathBuf,
}

/// A record that stands as long as this is held.
#[derive(Debug)]
pub struct Recorded {
    runs: Runs,
    port: u16,
    process: ProcessId,
}

impl Runs {
    /// Records in `folder`, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Writes `run` down, in the place of an older record of its port.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&self, run: &Run) -> Result<Recorded, RunError> {
        let path = self.path(run.port);
        let write = || -> Result<(), FileError> {
            let _lock = self.lock()?;
            let text = serde_json::to_vec_pretty(run).map_err(|error| FileError::Io {
                action: "write",
                path: path.clone(),
                source: error.into(),
            })?;
            replace(&path, &text, WriteOptions::TRANSIENT)
        };
        write().map_err(|source| RunError::Write { path: path.clone(), source })?;
        Ok(Recorded { runs: self.clone(), port: run.port, process: run.process.clone() })
    }

    /// Those that run, by port, and the records that could not be read.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn running(&self) -> Result<Folder<Run>, RunError> {
        let found = read_folder(&self.folder, "json", |_, text| parse(text));
        let mut found =
            found.map_err(|source| RunError::Read { path: self.folder.clone(), source })?;
        found.documents.retain(|run| run.process.runs());
        found.documents.sort_by_key(|run| run.port);
        Ok(found)
    }

    /// The one that runs on `port`.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub fn on(&self, port: u16) -> Result<Option<Run>, RunError> {
        let path = self.path(port);
        let text = read(&path, MAX_DOCUMENT)
            .map_err(|source| RunError::Read { path: path.clone(), source })?;
        let Some(text) = text else { return Ok(None) };
        let run = parse(&String::from_utf8_lossy(&text))
            .map_err(|reason| RunError::Broken { path, reason })?;
        Ok(run.filter(|run| run.process.runs()))
    }

    fn path(&self, port: u16) -> PathBuf {
        self.folder.join(format!("{port}.json"))
    }

    fn lock(&self) -> Result<FileLock, FileError> {
        FileLock::wait(&self.folder.join(".lock"))
    }
}

/// `None` for a record of another version, which that version looks after.
fn parse(text: &str) -> Result<Option<Run>, String> {
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    if document["schema"] != Run::SCHEMA {
        return Ok(None);
    }
    serde_json::from_value(document).map(Some).map_err(|error| error.to_string())
}

impl Drop for Recorded {
    fn drop(&mut self) {
        // Nobody records between the look and the removal. What stays is not believed: its process
        // is gone.
        let Ok(_lock) = self.runs.lock() else { return };
        // Another deployment may have the port by now, and its record the name.
        if let Ok(Some(run)) = self.runs.on(self.port)
            && run.process == self.process
        {
            let _ = fs::remove_file(self.runs.path(self.port));
        }
    }
}

#[cfg(test)]
mod tests;

//! The record on disk of the deployments that run: a file for each port.
//!
//! Invariants: no half file under a final name; a record counts only while the process that wrote
//! it runs, so one that was killed leaves nothing that has to be cleaned up.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use harmonic_types::AgentName;
use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::process::ProcessMark;

/// One deployment that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// [`Run::SCHEMA`].
    pub schema: String,
    /// Its process.
    pub process: ProcessMark,
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
    path: PathBuf,
    process: ProcessMark,
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
        let write = || -> io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer_pretty(&mut file, run)?;
            file.flush()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| RunError::Write { path: path.clone(), source })?;
        Ok(Recorded { path, process: run.process.clone() })
    }

    /// Those that run, by port.
    ///
    /// # Errors
    /// When the folder or a record cannot be read.
    pub fn running(&self) -> Result<Vec<Run>, RunError> {
        let failed = |source| RunError::Read { path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                runs.extend(read(&path)?.filter(|run| run.process.runs()));
            }
        }
        runs.sort_by_key(|run| run.port);
        Ok(runs)
    }

    /// The one that runs on `port`.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub fn on(&self, port: u16) -> Result<Option<Run>, RunError> {
        Ok(read(&self.path(port))?.filter(|run| run.process.runs()))
    }

    fn path(&self, port: u16) -> PathBuf {
        self.folder.join(format!("{port}.json"))
    }
}

/// `None` where there is no file, or one of another version, which that version looks after.
fn read(path: &Path) -> Result<Option<Run>, RunError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(RunError::Read { path: path.to_owned(), source }),
    };
    let broken = |source| RunError::Broken { path: path.to_owned(), source };
    let document: serde_json::Value = serde_json::from_str(&text).map_err(broken)?;
    if document["schema"] != Run::SCHEMA {
        return Ok(None);
    }
    serde_json::from_value(document).map(Some).map_err(broken)
}

impl Drop for Recorded {
    fn drop(&mut self) {
        // Another deployment may have the port by now, and its record the name.
        if let Ok(Some(run)) = read(&self.path)
            && run.process == self.process
        {
            // What stays is not believed: its process is gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;

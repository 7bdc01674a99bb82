//! Registry of running instances on disk: one record file for each port.
//!
//! Invariants: records are written atomically; a record is valid only while the process that wrote
//! it runs, so a killed process leaves nothing to clean up; a record is removed only by its own
//! process, under the lock of the folder; an invalid record does not hide the others.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use harmonic_fsutil::{
    FileError, FileLock, Folder, MAX_DOCUMENT, WriteOptions, read, read_folder, replace,
};
use harmonic_types::AgentName;
use serde::{Deserialize, Serialize};

use crate::error::InstanceError;
use crate::process::ProcessId;

/// One running deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// [`Instance::SCHEMA`].
    pub schema: String,
    /// Process that serves it.
    pub process: ProcessId,
    /// [`harmonic_types::Plan::stack`].
    pub stack: String,
    /// Base URL for a client on this machine.
    pub url: String,
    /// Port it listens on.
    pub port: u16,
    /// Start of serving, in seconds since 1970.
    pub since: u64,
    /// Grace period of running answers at a stop, in seconds.
    pub grace: u64,
    /// Log file; absent where it logs to a terminal.
    pub log: Option<PathBuf>,
    /// Agents, in the order of the stack.
    pub agents: Vec<InstanceAgent>,
}

/// One agent of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceAgent {
    /// Model name for clients.
    pub name: AgentName,
    /// [`harmonic_types::AgentPlan::slots`].
    pub slots: u32,
    /// [`harmonic_types::AgentPlan::leaves_machine`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves_machine: bool,
}

impl Instance {
    /// The schema this build writes and reads.
    pub const SCHEMA: &'static str = "harmonic.run/1";

    /// Seconds since the start of serving.
    pub fn uptime(&self) -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs().saturating_sub(self.since))
    }
}

/// The records in one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRegistry {
    folder: PathBuf,
}

/// Guard of a record, which is removed when this is dropped.
#[derive(Debug)]
pub struct InstanceGuard {
    registry: InstanceRegistry,
    port: u16,
    process: ProcessId,
}

impl InstanceRegistry {
    /// Registry in `folder`, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Writes the record of `instance`, replacing an older one of its port.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&self, instance: &Instance) -> Result<InstanceGuard, InstanceError> {
        let path = self.path(instance.port);
        let write = || -> Result<(), FileError> {
            let _lock = self.lock()?;
            let text = serde_json::to_vec_pretty(instance).map_err(|error| FileError::Io {
                action: "write",
                path: path.clone(),
                source: error.into(),
            })?;
            replace(&path, &text, WriteOptions::TRANSIENT)
        };
        write().map_err(|source| InstanceError::Write { path: path.clone(), source })?;
        Ok(InstanceGuard {
            registry: self.clone(),
            port: instance.port,
            process: instance.process.clone(),
        })
    }

    /// The running instances, by port, and the records that could not be read.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn running(&self) -> Result<Folder<Instance>, InstanceError> {
        let found = read_folder(&self.folder, "json", |_, text| parse(text));
        let mut found =
            found.map_err(|source| InstanceError::Read { path: self.folder.clone(), source })?;
        found.documents.retain(|instance| instance.process.is_running());
        found.documents.sort_by_key(|instance| instance.port);
        Ok(found)
    }

    /// The instance that runs on `port`.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub fn on(&self, port: u16) -> Result<Option<Instance>, InstanceError> {
        let path = self.path(port);
        let text = read(&path, MAX_DOCUMENT)
            .map_err(|source| InstanceError::Read { path: path.clone(), source })?;
        let Some(text) = text else { return Ok(None) };
        let instance = parse(&String::from_utf8_lossy(&text))
            .map_err(|reason| InstanceError::Invalid { path, reason })?;
        Ok(instance.filter(|instance| instance.process.is_running()))
    }

    fn path(&self, port: u16) -> PathBuf {
        self.folder.join(format!("{port}.json"))
    }

    fn lock(&self) -> Result<FileLock, FileError> {
        FileLock::wait(&self.folder.join(".lock"))
    }
}

/// Parses a record; `None` for one of another version whose process has ended.
fn parse(text: &str) -> Result<Option<Instance>, String> {
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    let expected = Instance::SCHEMA;
    let Some(schema) = document.get("schema").and_then(serde_json::Value::as_str) else {
        return Err(format!("expected an object with the schema `{expected}`"));
    };
    if schema == expected {
        return serde_json::from_value(document).map(Some).map_err(|error| error.to_string());
    }
    let process = document.get("process").cloned().map(serde_json::from_value::<ProcessId>);
    match process {
        Some(Ok(process)) if !process.is_running() => Ok(None),
        _ => Err(format!(
            "invalid schema `{schema}`: expected `{expected}`; the team may be of another version \
             of Harmonic Stack, which can stop it"
        )),
    }
}

impl Drop for InstanceGuard {
    fn drop(&mut self) {
        // The lock excludes a write between check and removal. A record that stays is invalid: its
        // process has ended.
        let Ok(_lock) = self.registry.lock() else { return };
        // Another instance may have replaced the record of this port.
        if let Ok(Some(instance)) = self.registry.on(self.port)
            && instance.process == self.process
        {
            let _ = fs::remove_file(self.registry.path(self.port));
        }
    }
}

#[cfg(test)]
mod tests;

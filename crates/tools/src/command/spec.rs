//! What a command's processes are told, and what their supervisor says at the end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::CommandLimits;

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// Text for the shell.
    pub(crate) command: String,
    /// Folder that it may change, and where it runs.
    pub(crate) workspace: PathBuf,
    /// Folder for temporary files, which it may change, too.
    pub(crate) scratch: PathBuf,
    pub(crate) read_only: Vec<PathBuf>,
    /// Its whole environment.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) limits: CommandLimits,
    /// Process whose end is also the command's.
    pub(crate) parent: u32,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Verdict {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It was killed at its limit of memory.
    Memory,
    /// It was killed at its limit of processes.
    Processes,
    /// It was killed because the disk was nearly full.
    Disk,
    /// It was killed because the call ended.
    CallEnded,
    /// It was not started: why.
    NotStarted(String),
}

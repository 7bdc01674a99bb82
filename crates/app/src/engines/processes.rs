//! What engines outside of this process need of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use harmonic_guard::GuardCommand;

/// How programs of others are started, and what servers elsewhere are given.
#[derive(Clone)]
pub struct EngineProcesses {
    /// This program, with the argument that makes it a guard; `None` starts no program of others.
    pub guard: Option<GuardCommand>,
    /// Folder of the private folders of engines: their home, working directory and models.
    pub folder: PathBuf,
    /// `PATH`, on which programs are searched for.
    pub path: OsString,
    /// The environment of this program, which has the keys of servers elsewhere.
    pub environment: BTreeMap<String, String>,
}

/// Without the values of variables, some of which are keys.
impl fmt::Debug for EngineProcesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineProcesses")
            .field("guard", &self.guard)
            .field("folder", &self.folder)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

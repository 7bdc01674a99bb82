//! `workspace.run`: commands, confined, or not at all.
//!
//! Owns: what a command may use, its confinement, its supervision, and what is kept of its output.
//! Invariants: a command reads the system's programs and libraries, writes the workspace and a
//! folder of its own that is removed afterwards, and opens nothing else; it has no network and no
//! socket; no process of it outlives the call. A system that cannot hold this is refused, by name of
//! what is lacking.
//! Does not do: decide whether commands are allowed.

mod availability;
#[cfg(target_os = "linux")]
mod confinement;
#[cfg(target_os = "linux")]
mod process_group;
mod run;
#[cfg(target_os = "linux")]
mod spec;
#[cfg(target_os = "linux")]
mod supervisor;
#[cfg(target_os = "linux")]
mod system_calls;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use availability::{Lacking, confinement};
#[cfg(target_os = "linux")]
pub(crate) use confinement::become_confined;
pub(crate) use run::{Commands, TOOL};
#[cfg(target_os = "linux")]
pub(crate) use spec::Spec;
#[cfg(target_os = "linux")]
pub(crate) use supervisor::supervise;

/// What commands may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandPolicy {
    /// Limits of each command.
    pub limits: CommandLimits,
    /// Folders and files that commands may read and execute, beside the system's.
    pub read_only: Vec<PathBuf>,
    /// Variables beside `PATH`, `HOME`, `TMPDIR`, `LANG` and `TERM`, or in place of them.
    pub environment: BTreeMap<String, String>,
    /// Folder in which a command's own temporary folder is made.
    pub scratch: PathBuf,
}

impl Default for CommandPolicy {
    fn default() -> Self {
        Self {
            limits: CommandLimits::default(),
            read_only: Vec::new(),
            environment: BTreeMap::new(),
            scratch: PathBuf::from("/tmp"),
        }
    }
}

/// Limits of a command with all its processes. Its time is that of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CommandLimits {
    /// Memory: of each process by the kernel, of all together by its supervisor.
    pub memory_bytes: u64,
    /// Size of each file that it writes.
    pub file_bytes: u64,
    /// Processes at once.
    pub processes: u32,
    /// Free space that it must leave on the disks that it writes to.
    pub free_disk_bytes: u64,
}

impl Default for CommandLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 2 << 30,
            file_bytes: 256 << 20,
            processes: 64,
            free_disk_bytes: 1 << 30,
        }
    }
}

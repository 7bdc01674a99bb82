//! Failures to start a guarded child.

use std::io;
use std::path::PathBuf;

/// Failure to start a guarded child. Nothing of it runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// A name of an environment variable is invalid.
    #[error("invalid environment variable `{}`: expected a name without `=`", .name.escape_debug())]
    InvalidVariable {
        /// The name.
        name: String,
    },
    /// An argument, a path or a value holds a NUL byte.
    #[error("invalid text `{text}` for a program: expected no NUL byte")]
    Nul {
        /// The text.
        text: String,
    },
    /// A path is none.
    #[error("invalid path `{}` for a program: {source}", .path.display())]
    InvalidPath {
        /// The path.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Arguments and environment are too large.
    #[error(
        "cannot start `{name}`: its arguments and variables take {bytes} bytes, {limit} at most"
    )]
    TooLarge {
        /// Name of the child.
        name: String,
        /// Size of the task for the guard.
        bytes: u64,
        /// Largest one.
        limit: u64,
    },
    /// The guard process could not be started.
    #[error("cannot start the guard process `{}` of `{name}`: {source}", .executable.display())]
    NoGuard {
        /// Name of the child.
        name: String,
        /// Executable of the guard.
        executable: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The program could not be started.
    #[error("cannot start `{name}`: {reason}")]
    NotStarted {
        /// Name of the child.
        name: String,
        /// Cause and remedy.
        reason: String,
    },
    /// The guard process ended first, or was silent for too long.
    #[error(
        "cannot start `{name}`: its guard process `{}` {did}; check that this file is harmonic's",
        .executable.display()
    )]
    GuardFailed {
        /// Name of the child.
        name: String,
        /// Executable of the guard.
        executable: PathBuf,
        /// What it did.
        did: &'static str,
    },
}

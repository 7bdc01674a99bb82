//! Errors of hardware detection.

use std::path::PathBuf;

/// A failed detection.
#[derive(Debug, thiserror::Error)]
pub enum HardwareError {
    /// An absent file that detection requires.
    #[error(
        "{path} does not exist, so the {fact} of this machine is unknown: detection reads Linux's \
         /proc and /sys (a --sysroot must contain them)"
    )]
    Missing {
        /// The file, root included.
        path: PathBuf,
        /// The fact in that file.
        fact: &'static str,
    },
    /// A file that exists but cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file, root included.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A malformed file.
    #[error("{path} does not state {expected}: found {found:?}")]
    Malformed {
        /// The file, root included.
        path: PathBuf,
        /// Expected content, a noun phrase.
        expected: &'static str,
        /// Actual content, shortened.
        found: String,
    },
}

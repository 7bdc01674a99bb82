//! Why a machine could not be described.

use std::path::PathBuf;

/// Detection failed; nothing is guessed in its place.
#[derive(Debug, thiserror::Error)]
pub enum HardwareError {
    /// A file without which a machine cannot be described.
    #[error(
        "{path} does not exist, so the {fact} of this machine is unknown: detection reads Linux's \
         /proc and /sys (a --sysroot must contain them)"
    )]
    Missing {
        /// The file, root included.
        path: PathBuf,
        /// What it would have told.
        fact: &'static str,
    },
    /// A file that exists and cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file, root included.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that does not have the kernel's format.
    #[error("{path} does not state {expected}: found {found:?}")]
    Malformed {
        /// The file, root included.
        path: PathBuf,
        /// What was looked for.
        expected: &'static str,
        /// What there was, shortened.
        found: String,
    },
}

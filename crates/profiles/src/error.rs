//! Reasons why a stored document cannot be read or written.

use std::path::PathBuf;

/// Failure to read a folder of documents, or to write a document.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A curve violates the invariants.
    #[error("cannot save the curve to {path}: {reason}")]
    InvalidCurve {
        /// The file.
        path: PathBuf,
        /// The violation.
        reason: String,
    },
    /// A stored file cannot be read or written.
    #[error(transparent)]
    File(#[from] harmonic_fsutil::FileError),
    /// A document cannot be written.
    #[error("cannot write {path}: {source}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Error of the serialisation.
        source: std::io::Error,
    },
}

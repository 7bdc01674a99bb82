//! Reasons why a stored document cannot be read or written.

use std::path::PathBuf;

/// A folder of documents that cannot be read, or a document that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A curve that could not be read again.
    #[error("{path} is not a curve that a plan can use: {reason}")]
    NotACurve {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
    /// A file among the stored documents that cannot be read or written.
    #[error(transparent)]
    File(#[from] harmonic_fsutil::FileError),
    /// A document that cannot be written.
    #[error("cannot write {path}: {source}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

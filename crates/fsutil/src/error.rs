//! Errors of reading, locking and writing files.

use std::io;
use std::path::{Path, PathBuf};

/// A failed operation on a file, which is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Error of the operating system.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The attempted action, a verb phrase.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A symbolic link in place of the file.
    #[error(
        "{} is a symbolic link, which is not followed: replace it by the file itself",
        path.display()
    )]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A folder, pipe, socket or device in place of the file.
    #[error("{} is not a regular file: remove it", path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
    },
    /// A file above the size limit.
    #[error("{} has {bytes} bytes, more than the limit of {limit}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Lower bound of its length.
        bytes: u64,
        /// Maximum length, in bytes.
        limit: u64,
    },
}

impl FileError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// The error kind, if the operating system reported the error.
    pub fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            Self::Link { .. } | Self::NotAFile { .. } | Self::TooLong { .. } => None,
        }
    }
}

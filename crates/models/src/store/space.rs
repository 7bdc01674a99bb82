//! Free disk space, asked before the first byte is written and again on the way.
//!
//! Invariant: a part of the disk stays free, so that a pull does not stop everything else that
//! writes there.

use std::path::Path;

use harmonic_types::Bytes;

use crate::error::ModelError;

/// Bytes that this user can still write under `folder`, which must exist.
pub(crate) fn free(folder: &Path) -> Result<Bytes, ModelError> {
    let about = rustix::fs::statvfs(folder)
        .map_err(|error| ModelError::io("measure the disk of", folder)(error.into()))?;
    Ok(Bytes(about.f_bavail.saturating_mul(about.f_frsize)))
}

/// Most that is left free.
pub const MAX_RESERVE: Bytes = Bytes(1_000_000_000);
/// PartialFile of a disk that is left free where that is less.
pub const RESERVE_DIVISOR: u64 = 20;

/// Bytes of the disk of `folder` that are left free.
fn reserve(folder: &Path) -> Bytes {
    // A disk that cannot be asked cannot be told to be small.
    rustix::fs::statvfs(folder).map_or(MAX_RESERVE, |about| {
        Bytes(about.f_blocks.saturating_mul(about.f_frsize) / RESERVE_DIVISOR).min(MAX_RESERVE)
    })
}

/// Refuses where `needed` more bytes do not fit beside the reserve.
pub(crate) fn require(target: &str, folder: &Path, needed: Bytes) -> Result<(), ModelError> {
    let free = free(folder)?;
    if free < Bytes(needed.0.saturating_add(reserve(folder).0)) {
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
    let (target, path, reserve) = (target.to_owned(), folder.to_owned(), reserve(folder));
    ModelError::DiskFull { target, path, needed, free, reserve }
}

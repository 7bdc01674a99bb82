//! Free disk space, checked before and during writes.
//!
//! Invariant: a part of the disk is kept free for other programs.

use std::path::Path;

use harmonic_types::Bytes;

use crate::error::ModelError;

/// Disk space available to this user in `folder`, which must exist.
pub(crate) fn free(folder: &Path) -> Result<Bytes, ModelError> {
    let about = rustix::fs::statvfs(folder)
        .map_err(|error| ModelError::io("measure the disk of", folder)(error.into()))?;
    Ok(Bytes(about.f_bavail.saturating_mul(about.f_frsize)))
}

/// Space on the disk of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Space available to this user.
    pub free: Bytes,
    /// Space of it that is kept free for other programs.
    pub reserve: Bytes,
}

impl DiskSpace {
    /// Space on the disk of `folder`, which must exist.
    pub(crate) fn of(folder: &Path) -> Result<Self, ModelError> {
        Ok(Self { free: free(folder)?, reserve: reserve(folder) })
    }

    /// Space that is missing for `needed` more bytes; `None` if they fit.
    pub fn shortage(&self, needed: Bytes) -> Option<Bytes> {
        let required = needed.0.saturating_add(self.reserve.0);
        let missing = Bytes(required.saturating_sub(self.free.0));
        (missing > Bytes::ZERO).then_some(missing)
    }
}

/// Maximum space that is kept free.
pub const MAX_RESERVE: Bytes = Bytes(1_000_000_000);
/// Divisor of the disk size for the space kept free, if that is less than [`MAX_RESERVE`].
pub const RESERVE_DIVISOR: u64 = 20;

/// Space kept free on the disk of `folder`.
fn reserve(folder: &Path) -> Bytes {
    // The maximum for a disk that cannot be queried.
    rustix::fs::statvfs(folder).map_or(MAX_RESERVE, |about| {
        Bytes(about.f_blocks.saturating_mul(about.f_frsize) / RESERVE_DIVISOR).min(MAX_RESERVE)
    })
}

/// Fails if `needed` more bytes do not fit in addition to the reserve.
pub(crate) fn require(target: &str, folder: &Path, needed: Bytes) -> Result<(), ModelError> {
    let space = DiskSpace::of(folder)?;
    match space.shortage(needed) {
        Some(_) => Err(full(target, folder, Some(needed), space.free)),
        None => Ok(()),
    }
}

/// The error of a failed write, which may be a full disk.
pub(crate) fn write_error(
    target: &str,
    path: &Path,
    needed: Option<Bytes>,
    error: std::io::Error,
) -> ModelError {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded) {
        let folder = path.parent().unwrap_or(path);
        // The disk is full, even if it cannot be queried.
        return full(target, folder, needed, free(folder).unwrap_or(Bytes::ZERO));
    }
    ModelError::io("write", path)(error)
}

/// The error of a disk without space for `needed` more bytes.
pub(crate) fn full(target: &str, folder: &Path, needed: Option<Bytes>, free: Bytes) -> ModelError {
    let (target, path, reserve) = (target.to_owned(), folder.to_owned(), reserve(folder));
    ModelError::DiskFull { target, path, needed, free, reserve }
}

//! An advisory lock among processes of ours.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::error::FileError;
use crate::read::open;

/// A lock, held until dropped or until its process ends, however that ends.
///
/// Invariant: the lock file stays. Removing one would let two holders in: one on the file that was
/// removed, one on its successor.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// The lock on the file `path`, which is made where there is none; waits for its holder.
    ///
    /// # Errors
    /// When the file cannot be made or opened, or the system has no locks there.
    pub fn wait(path: &Path) -> Result<Self, FileError> {
        let file = lock_file(path)?;
        file.lock().map_err(FileError::io("lock", path))?;
        Ok(Self { _file: file })
    }

    /// The same, unless another holds it: `None` then.
    ///
    /// # Errors
    /// As [`FileLock::wait`].
    pub fn attempt(path: &Path) -> Result<Option<Self>, FileError> {
        let file = lock_file(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(FileError::io("lock", path)(error)),
        }
    }
}

fn lock_file(path: &Path) -> Result<File, FileError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(FileError::io("make the folder", folder))?;
    }
    // Its owner's alone: who may open a lock file can hold everybody off.
    open(path, OFlags::RDWR | OFlags::CREATE, Mode::RUSR | Mode::WUSR, "open")
}

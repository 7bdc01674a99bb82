//! An advisory lock between processes of Harmonic Stack.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::error::FileError;
use crate::read::open;

/// A lock, held until it is dropped or its process ends in any way.
///
/// Invariant: the lock file is never removed. Otherwise two processes could hold the lock: one on
/// the removed file, one on its successor.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Acquires the lock on the file `path`, created if absent; blocks while it is held.
    ///
    /// # Errors
    /// If the file cannot be created or opened, or the file system does not support locks.
    pub fn wait(path: &Path) -> Result<Self, FileError> {
        let file = lock_file(path)?;
        file.lock().map_err(FileError::io("lock", path))?;
        Ok(Self { _file: file })
    }

    /// Acquires the lock without blocking; `None` if it is held.
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
        fs::create_dir_all(folder).map_err(FileError::io("create the folder", folder))?;
    }
    // Mode 0600: any process that can open a lock file can hold the lock.
    open(path, OFlags::RDWR | OFlags::CREATE, Mode::RUSR | Mode::WUSR, "open")
}

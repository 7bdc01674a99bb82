//! An advisory lock between processes of Harmonic Stack.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::FileExt as _;
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
    file: File,
}

impl FileLock {
    /// Acquires the lock on the file `path`, created if absent; blocks while it is held.
    ///
    /// # Errors
    /// If the file cannot be created or opened, or the file system does not support locks.
    pub fn wait(path: &Path) -> Result<Self, FileError> {
        let file = lock_file(path)?;
        file.lock().map_err(FileError::io("lock", path))?;
        Ok(Self { file })
    }

    /// Acquires the lock without blocking; `None` if it is held.
    ///
    /// # Errors
    /// As [`FileLock::wait`].
    pub fn attempt(path: &Path) -> Result<Option<Self>, FileError> {
        Self::attempt_on(lock_file(path)?, path)
    }

    /// Like [`FileLock::attempt`], on a file that was opened for writing already, found at `path`:
    /// for those who open files by further rules.
    ///
    /// # Errors
    /// If the file system does not support locks.
    pub fn attempt_on(file: File, path: &Path) -> Result<Option<Self>, FileError> {
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(FileError::io("lock", path)(error)),
        }
    }

    /// Whether somebody holds the lock on `file`, found at `path`. Does not exclude others who ask
    /// the same; one who attempts the lock at this moment may find it held.
    ///
    /// # Errors
    /// If the file system does not support locks.
    pub fn is_held(file: &File, path: &Path) -> Result<bool, FileError> {
        match file.try_lock_shared() {
            Ok(()) => file.unlock().map(|()| false).map_err(FileError::io("unlock", path)),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(FileError::io("lock", path)(error)),
        }
    }

    /// Maximum length of a lock file that names its holder.
    pub const LONGEST_HOLDER: u64 = 16;

    /// Writes the id of this process into the lock file, for those who find it locked. It stays
    /// there after the lock has ended, so it means nothing unless the lock is held.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn record_holder(&self, path: &Path) -> Result<(), FileError> {
        // Of one length, so that no digit of an older holder is left over.
        let holder = format!("{:010}\n", std::process::id());
        self.file.write_all_at(holder.as_bytes(), 0).map_err(FileError::io("write", path))
    }

    /// The process that a lock file names.
    pub fn parse_holder(content: &[u8]) -> Option<u32> {
        std::str::from_utf8(content).ok()?.strip_suffix('\n')?.parse().ok()
    }
}

fn lock_file(path: &Path) -> Result<File, FileError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(FileError::io("create the folder", folder))?;
    }
    // Mode 0600: any process that can open a lock file can hold the lock.
    open(path, OFlags::RDWR | OFlags::CREATE, Mode::RUSR | Mode::WUSR, "open")
}

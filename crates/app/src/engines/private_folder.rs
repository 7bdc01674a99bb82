//! The folder of one engine that is a program of others: its home, working directory and models.
//!
//! Invariants: nobody but its owner may read it; it is removed with its engine, and if this process
//! is killed, when another engine is started.

use std::fs;
use std::path::Path;

use harmonic_fsutil::{FileError, FileLock};
use tempfile::TempDir;

/// Lock on the folder of all of them, held while one is made.
const ROOT_LOCK: &str = ".lock";

/// Lock in each of them, held while its engine runs.
const LOCK: &str = ".harmonic-stack.lock";

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct PrivateFolder {
    folder: TempDir,
    _lock: FileLock,
}

impl PrivateFolder {
    /// A new folder for the engine `id` below `root`, from which those of killed processes are
    /// removed.
    pub(super) fn new(root: &Path, id: &str) -> Result<Self, FileError> {
        let failed = |source| FileError::Io { action: "make", path: root.to_owned(), source };
        fs::create_dir_all(root).map_err(failed)?;
        let _making = FileLock::wait(&root.join(ROOT_LOCK))?;
        for entry in fs::read_dir(root).map_err(failed)?.flatten() {
            let (path, lock) = (entry.path(), entry.path().join(LOCK));
            // A folder without one, or that cannot be removed, is left alone.
            if lock.exists() && matches!(FileLock::attempt(&lock), Ok(Some(_))) {
                let _left = fs::remove_dir_all(path);
            }
        }
        let prefix = format!("{id}-");
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(root).map_err(failed)?;
        let lock = FileLock::wait(&folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_engines_that_run_stay_and_others_are_removed_at_the_next_start() {
        let root = tempfile::tempdir().unwrap();
        let running = PrivateFolder::new(root.path(), "a").unwrap();
        let killed = root.path().join("a-killed");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        let foreign = root.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        let next = PrivateFolder::new(root.path(), "b").unwrap();
        assert!(running.path().exists() && next.path().exists() && foreign.exists());
        assert!(!killed.exists());
        let gone = next.path().to_owned();
        drop(next);
        assert!(!gone.exists());
    }
}

//! The writer's lock on a run.

use harmonic_fsutil::FileLock;
use harmonic_types::RunId;

use crate::error::JournalError;
use crate::folder::Folder;

/// Name of the lock file.
const NAME: &str = "lock";

/// Acquires the lock on the run in `folder`.
pub(crate) fn acquire(folder: &Folder, id: &RunId) -> Result<FileLock, JournalError> {
    let path = folder.path_of(NAME);
    let file = folder.open_or_create(NAME)?;
    match FileLock::attempt_on(file, &path)? {
        Some(lock) => {
            lock.record_holder(&path)?;
            Ok(lock)
        }
        None => Err(JournalError::Locked { id: id.clone(), process: holder(folder) }),
    }
}

/// The process that holds the lock, as it has recorded itself.
fn holder(folder: &Folder) -> Option<u32> {
    let content = folder.read(NAME, FileLock::LONGEST_HOLDER).ok()??;
    FileLock::parse_holder(&content)
}

//! The writer's lock on a run.

use std::thread::sleep;
use std::time::Duration;

use harmonic_fsutil::FileLock;
use harmonic_types::RunId;

use crate::error::JournalError;
use crate::folder::Folder;

/// Name of the lock file.
const NAME: &str = "lock";

/// Attempts to acquire the lock: [`check_free`] holds it for a moment, a writer for long.
const ATTEMPTS: u32 = 5;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(2);

/// Acquires the lock on the run in `folder`.
pub(crate) fn acquire(folder: &Folder, id: &RunId) -> Result<FileLock, JournalError> {
    let path = folder.path_of(NAME);
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            sleep(BETWEEN_ATTEMPTS);
        }
        if let Some(lock) = FileLock::attempt_on(folder.open_or_create(NAME)?, &path)? {
            lock.record_holder(&path)?;
            return Ok(lock);
        }
    }
    Err(locked(folder, id))
}

/// Refuses where a writer has the run in `folder` open; changes nothing.
pub(crate) fn check_free(folder: &Folder, id: &RunId) -> Result<(), JournalError> {
    // Without a file, nobody has locked it.
    let Some(file) = folder.open(NAME)? else { return Ok(()) };
    if FileLock::is_held(&file, &folder.path_of(NAME))? {
        return Err(locked(folder, id));
    }
    Ok(())
}

fn locked(folder: &Folder, id: &RunId) -> JournalError {
    JournalError::Locked { id: id.clone(), process: holder(folder) }
}

/// The process that holds the lock, as it has recorded itself.
fn holder(folder: &Folder) -> Option<u32> {
    let content = folder.read(NAME, FileLock::LONGEST_HOLDER).ok()??;
    FileLock::parse_holder(&content)
}

//! Read-modify-write of a file shared with other processes.

use std::path::{Path, PathBuf};

use crate::error::FileError;
use crate::lock::FileLock;
use crate::read::{MAX_DOCUMENT, read};
use crate::replace::{WriteOptions, replace};

/// Changes the file `path`: `change` receives its content, `None` if there is no file, and returns
/// the new content (`None` to keep the old) with a result. The lock `path` + `.lock` is held
/// throughout, so no concurrent change is lost.
///
/// # Errors
/// If `change` fails, or the file cannot be locked, read or written; it is unchanged then.
pub fn update<T, E: From<FileError>>(
    path: &Path,
    options: WriteOptions,
    change: impl FnOnce(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T), E>,
) -> Result<T, E> {
    let _lock = FileLock::wait(&lock_path(path))?;
    let before = read(path, MAX_DOCUMENT)?;
    let (after, result) = change(before.as_deref())?;
    if let Some(after) = after {
        replace(path, &after, options)?;
    }
    Ok(result)
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

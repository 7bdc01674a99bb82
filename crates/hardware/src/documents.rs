//! The documents that measurements leave in a folder: one JSON file each.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::HardwareError;

/// The JSON files of `folder`, by name; none where there is no such folder.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, HardwareError> {
    let unreadable = |source| HardwareError::Unreadable { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

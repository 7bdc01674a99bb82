//! The documents that measurements leave in a folder: one JSON file each.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use harmonic_types::CurveKey;
use serde::Serialize;

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

/// Writes `document` to the file `name` in `folder`, in place of an older one; where it lies now. It
/// is written whole or not at all.
///
/// # Errors
/// When it cannot be written; an older one is then still there.
pub(crate) fn store(
    folder: &Path,
    name: &str,
    document: &impl Serialize,
) -> Result<PathBuf, HardwareError> {
    let path = folder.join(name);
    let unwritable = |source| HardwareError::Unwritable { path: path.clone(), source };
    let text =
        serde_json::to_string_pretty(document).map_err(|error| unwritable(Error::other(error)))?;
    fs::create_dir_all(folder).map_err(unwritable)?;
    // A name of its own, and not `.json`: nobody reads it before it is whole.
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, &path));
    if let Err(error) = written {
        // What cannot be removed either is never read.
        let _ = fs::remove_file(&beside);
        return Err(unwritable(error));
    }
    Ok(path)
}

/// A name from what a measurement is for: neither weights nor context are in it, so that the next
/// measurement takes the place of the last.
pub(crate) fn file_name(key: &CurveKey) -> String {
    let plain = |text: &str| -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        text.chars().map(plain).collect()
    };
    format!("{}_{}_{}.json", plain(&key.machine), plain(&key.model), plain(&key.engine))
}

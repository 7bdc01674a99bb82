//! A folder of documents, some of which may be invalid.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::FileError;
use crate::read::{MAX_DOCUMENT, read};

/// The documents of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder<T> {
    /// Valid documents, ordered by file name.
    pub documents: Vec<T>,
    /// Files that could not be read or parsed.
    pub skipped: Vec<Skipped>,
}

/// A file that could not be read or parsed; it does not affect the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Cause.
    pub reason: String,
}

impl<T> Default for Folder<T> {
    fn default() -> Self {
        Self { documents: Vec::new(), skipped: Vec::new() }
    }
}

/// Reads the files of `folder` with the given extension, each at most [`MAX_DOCUMENT`] long, with
/// `parse`, which returns `None` for a file to ignore. An absent folder counts as empty; a file
/// removed meanwhile is ignored.
///
/// # Errors
/// If the folder itself cannot be read.
pub fn read_folder<T>(
    folder: &Path,
    extension: &str,
    parse: impl Fn(&Path, &str) -> Result<Option<T>, String>,
) -> Result<Folder<T>, FileError> {
    let failed = |source| FileError::io("read the folder", folder)(source);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Folder::default()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut found = Folder::default();
    for path in paths {
        match document(&path, &parse) {
            Ok(document) => found.documents.extend(document),
            Err(reason) => found.skipped.push(Skipped { path, reason }),
        }
    }
    Ok(found)
}

fn document<T>(
    path: &Path,
    parse: &impl Fn(&Path, &str) -> Result<Option<T>, String>,
) -> Result<Option<T>, String> {
    let Some(bytes) = read(path, MAX_DOCUMENT).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| error.to_string())?;
    parse(path, text)
}

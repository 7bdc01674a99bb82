//! A folder of documents, of which one may be broken.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::FileError;
use crate::read::{MAX_DOCUMENT, read};

/// The documents of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder<T> {
    /// Those that could be read, in the order of their names.
    pub documents: Vec<T>,
    /// Those that could not.
    pub skipped: Vec<Skipped>,
}

/// A document that could not be read. The others count all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl<T> Default for Folder<T> {
    fn default() -> Self {
        Self { documents: Vec::new(), skipped: Vec::new() }
    }
}

/// Reads the files of `folder` that end in `.EXTENSION`, each at most [`MAX_DOCUMENT`] long, with
/// `parse`, which returns `None` for one that is not meant for it. No folder is an empty one; a file
/// that went away meanwhile was not there.
///
/// # Errors
/// When the folder itself cannot be read.
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

//! Replacement of a file as a whole.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::FileError;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone (mode 0600, whatever the umask).
    Owner,
    /// Whom the umask allows (mode 0666 less the umask).
    Umask,
}

/// What a loss of power may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing, once the call has returned: file and folder are flushed to the device.
    Synced,
    /// The replacement. For what is of no use after a restart.
    Cached,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// Who may read it.
    pub access: Access,
    /// What a loss of power may take.
    pub durability: Durability,
}

impl WriteOptions {
    /// A document that others may read and that must not be lost.
    pub const DOCUMENT: Self = Self { access: Access::Umask, durability: Durability::Synced };
    /// A document that is nobody else's business and must not be lost.
    pub const SECRET: Self = Self { access: Access::Owner, durability: Durability::Synced };
    /// What matters only while a process runs.
    pub const TRANSIENT: Self = Self { access: Access::Umask, durability: Durability::Cached };
}

/// New content, written whole beside the file that it will replace. Dropped without
/// [`Staged::commit`], it is removed, and the file stays as it was.
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    path: PathBuf,
    durability: Durability,
}

impl Staged {
    /// Writes `bytes` beside `path`; the folder is made where there is none.
    ///
    /// # Errors
    /// When the folder cannot be made or the file written.
    pub fn write(path: &Path, bytes: &[u8], options: WriteOptions) -> Result<Self, FileError> {
        let folder = folder_of(path);
        fs::create_dir_all(folder).map_err(FileError::io("make the folder", folder))?;
        // A name that nobody can foresee, opened only if it is new: a planted link is not followed.
        // Its ending is none that is read as a document.
        let mut builder = tempfile::Builder::new();
        builder.prefix(".").suffix(".part");
        if options.access == Access::Umask {
            builder.permissions(Permissions::from_mode(0o666));
        }
        let failed = FileError::io("write", path);
        let file = builder.tempfile_in(folder).and_then(|mut file| {
            file.write_all(bytes)?;
            if options.durability == Durability::Synced {
                file.as_file().sync_all()?;
            }
            Ok(file)
        });
        let file = file.map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), durability: options.durability })
    }

    /// Puts the new content in the place of the old. A link in that place is replaced, not followed.
    ///
    /// # Errors
    /// When the file cannot be renamed; the old one is still there then.
    pub fn commit(self) -> Result<(), FileError> {
        let Self { file, path, durability } = self;
        file.persist(&path).map_err(|error| FileError::io("replace", &path)(error.error))?;
        if durability == Durability::Synced {
            let folder = folder_of(&path);
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(FileError::io("flush the folder", folder))?;
        }
        Ok(())
    }
}

/// Replaces the file `path` by one with `bytes`.
///
/// # Errors
/// When that fails; the old file is still there then.
pub fn replace(path: &Path, bytes: &[u8], options: WriteOptions) -> Result<(), FileError> {
    Staged::write(path, bytes, options)?.commit()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

//! Atomic replacement of a file.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::FileError;

/// Access mode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Owner only (mode 0600, regardless of the umask).
    Owner,
    /// Mode 0666 less the umask.
    Umask,
}

/// Durability of a write at a power failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Durable once the call has returned: file and folder are flushed to the device.
    Synced,
    /// The write may be lost. For state that is useless after a restart.
    Cached,
}

/// Access mode and durability of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// Access mode of the file.
    pub access: Access,
    /// Durability at a power failure.
    pub durability: Durability,
}

impl WriteOptions {
    /// A durable document, readable by others.
    pub const DOCUMENT: Self = Self { access: Access::Umask, durability: Durability::Synced };
    /// A durable document, readable by its owner only.
    pub const SECRET: Self = Self { access: Access::Owner, durability: Durability::Synced };
    /// State of a running process, readable by others.
    pub const TRANSIENT: Self = Self { access: Access::Umask, durability: Durability::Cached };
}

/// New content in a temporary file beside the target. Dropped without [`Staged::commit`], it is
/// removed, and the target is unchanged.
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    path: PathBuf,
    durability: Durability,
}

impl Staged {
    /// Writes `bytes` to a temporary file beside `path`; creates the folder if absent.
    ///
    /// # Errors
    /// If the folder cannot be created or the file not written.
    pub fn write(path: &Path, bytes: &[u8], options: WriteOptions) -> Result<Self, FileError> {
        let folder = folder_of(path);
        fs::create_dir_all(folder).map_err(FileError::io("create the folder", folder))?;
        // A random name, opened with O_EXCL, so that a planted link is not followed. The suffix
        // differs from the extensions of documents.
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

    /// Replaces the target by the new content. A link there is replaced, not followed.
    ///
    /// # Errors
    /// If the file cannot be renamed; the target is unchanged then.
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
/// If that fails; the old file is unchanged then.
pub fn replace(path: &Path, bytes: &[u8], options: WriteOptions) -> Result<(), FileError> {
    Staged::write(path, bytes, options)?.commit()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

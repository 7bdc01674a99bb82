//! Reading and opening without following links, blocking, or exhausting memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::FileError;

/// Maximum length of a document in bytes: 16 MiB, some hundred times the longest one written.
pub const MAX_DOCUMENT: u64 = 16 << 20;

/// The content of the regular file at `path`; `None` where there is no file.
///
/// # Errors
/// If it is a link, not a regular file, longer than `limit`, or cannot be read.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = match open(path, OFlags::RDONLY, Mode::empty(), "read") {
        Ok(file) => file,
        Err(error) if error.kind() == Some(io::ErrorKind::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    // One byte more than the limit: the file may grow while it is read.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
    let length = bytes.len() as u64;
    if length > limit {
        return Err(FileError::TooLong { path: path.to_owned(), bytes: length, limit });
    }
    Ok(Some(bytes))
}

/// Opens the regular file at `path` for reading.
///
/// # Errors
/// If there is none, it is a link or not a regular file, or cannot be opened.
pub fn open_regular(path: &Path) -> Result<File, FileError> {
    open(path, OFlags::RDONLY, Mode::empty(), "read")
}

/// Opens a regular file. `NONBLOCK` has no effect on one, and prevents blocking on a pipe.
pub(crate) fn open(
    path: &Path,
    flags: OFlags,
    mode: Mode,
    action: &'static str,
) -> Result<File, FileError> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, mode) {
        Ok(descriptor) => File::from(descriptor),
        // FreeBSD returns MLINK for a link.
        Err(Errno::LOOP | Errno::MLINK) => return Err(FileError::Link { path: path.to_owned() }),
        // A pipe without a reader; a folder opened for writing.
        Err(Errno::NXIO | Errno::ISDIR) => {
            return Err(FileError::NotAFile { path: path.to_owned() });
        }
        Err(error) => return Err(FileError::io(action, path)(error.into())),
    };
    let metadata = file.metadata().map_err(FileError::io(action, path))?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile { path: path.to_owned() });
    }
    Ok(file)
}

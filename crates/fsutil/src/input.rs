//! Files that a user names, for instance as an argument.
//!
//! Invariants: links are followed, as the user may mean them; nothing else than a regular file is
//! read, as a pipe, a terminal or a device may never end; a bounded number of bytes is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// The text of the regular file at `path`, at most `limit` bytes.
///
/// # Errors
/// That of the system; [`io::ErrorKind::InvalidInput`] for what is not a regular file,
/// [`io::ErrorKind::FileTooLarge`], or [`io::ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let mut text = String::new();
    // One byte more than the limit, to detect a longer file.
    open_input(path)?.take(limit.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        let message = format!("it is too long: expected at most {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

/// Opens the regular file at `path` for reading, without waiting for one who writes to a pipe.
///
/// # Errors
/// That of the system, or [`io::ErrorKind::InvalidInput`] for what is not a regular file.
pub fn open_input(path: &Path) -> io::Result<File> {
    // It has no effect on a regular file.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    let message = "it is not a regular file: expected no folder, pipe or device";
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_read_through_a_link_and_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "12345").unwrap();
        symlink(&file, &link).unwrap();
        assert_eq!(read_text(&link, 5).unwrap(), "12345");
        assert_eq!(read_text(&file, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        fs::write(&file, [0xff]).unwrap();
        assert_eq!(read_text(&file, 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let absent = folder.path().join("c");
        assert_eq!(read_text(&absent, 4).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_may_never_end_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::from_raw_mode(0o600)).unwrap();
        for path in [pipe.as_path(), folder.path(), Path::new("/dev/zero"), Path::new("/dev/null")]
        {
            let error = read_text(path, 4).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{}: {error}", path.display());
        }
    }
}

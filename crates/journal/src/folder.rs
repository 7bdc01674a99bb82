//! Folders of the store, and files in them.
//!
//! Invariants: below the root nothing is opened, created, renamed or removed through a symbolic
//! link, and nothing that could block is opened; what is created has mode 0600 or 0700, whatever
//! the umask. The root itself may be a link, chosen by the user.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use harmonic_fsutil::FileError;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Times that the removal of a folder is begun anew.
const REMOVALS: u32 = 8;

/// Modes of what is created.
const FILE: Mode = Mode::from_raw_mode(0o600);
const FOLDER: Mode = Mode::from_raw_mode(0o700);

/// Suffix of a file that is being written, to be renamed.
const PART: &str = ".part";

/// One open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens the root; creates it, and folders above it, if absent.
    pub(crate) fn root(path: &Path) -> Result<Self, FileError> {
        let mut absent: Vec<&Path> = Vec::new();
        absent.extend(path.ancestors().take_while(|path| !is_nothing(path) && !path.exists()));
        for folder in absent.into_iter().rev() {
            let error = |source: Errno| failed("create the folder", folder, source.into());
            match rustix::fs::mkdirat(CWD, folder, FOLDER) {
                Ok(()) => private(CWD, folder).map_err(error)?,
                // Another process was faster.
                Err(Errno::EXIST) if folder.is_dir() => {}
                Err(source) => return Err(error(source)),
            }
        }
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|source| failed("open the folder", path, source.into()))?;
        Ok(Self { handle, path: path.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The same folder, after it was renamed.
    pub(crate) fn moved_to(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

    /// Path of the file or folder `name`, for messages.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates the folder `name`, which must not exist.
    pub(crate) fn create_folder(&self, name: &str) -> Result<Self, FileError> {
        let error = |source: Errno| failed("create the folder", &self.path_of(name), source.into());
        rustix::fs::mkdirat(&self.handle, name, FOLDER).map_err(error)?;
        private(&self.handle, Path::new(name)).map_err(error)?;
        self.folder(name)
    }

    /// Opens the folder `name`.
    pub(crate) fn folder(&self, name: &str) -> Result<Self, FileError> {
        let path = self.path_of(name);
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => Ok(Self { handle, path }),
            // Linux tells a link by either.
            Err(Errno::LOOP | Errno::MLINK | Errno::NOTDIR) if self.is_link(name) => {
                Err(FileError::Link { path })
            }
            Err(source) => Err(failed("open the folder", &path, source.into())),
        }
    }

    /// Opens the regular file `name` for reading; `None` where there is none.
    pub(crate) fn open(&self, name: &str) -> Result<Option<File>, FileError> {
        self.open_with(name, OFlags::RDONLY, "read")
    }

    /// Opens the regular file `name` for reading and writing; `None` where there is none. Its mode
    /// is 0600 afterwards, whatever it was in a folder that was copied.
    pub(crate) fn open_writable(&self, name: &str) -> Result<Option<File>, FileError> {
        let file = self.open_with(name, OFlags::RDWR, "open")?;
        if let Some(file) = &file {
            self.protect(name, file)?;
        }
        Ok(file)
    }

    /// Opens the regular file `name` for reading and writing; creates it if absent.
    pub(crate) fn open_or_create(&self, name: &str) -> Result<File, FileError> {
        let file = self.open_with(name, OFlags::RDWR | OFlags::CREATE, "open")?;
        let file = file
            .ok_or_else(|| failed("open", &self.path_of(name), io::ErrorKind::NotFound.into()))?;
        self.protect(name, &file)?;
        Ok(file)
    }

    fn protect(&self, name: &str, file: &File) -> Result<(), FileError> {
        rustix::fs::fchmod(file, FILE)
            .map_err(|source| failed("protect", &self.path_of(name), source.into()))
    }

    fn open_with(
        &self,
        name: &str,
        flags: OFlags,
        action: &'static str,
    ) -> Result<Option<File>, FileError> {
        let path = self.path_of(name);
        // NONBLOCK has no effect on a regular file, and prevents blocking on a pipe.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.handle, name, flags, FILE) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::MLINK) => return Err(FileError::Link { path }),
            Err(Errno::NXIO | Errno::ISDIR) => return Err(FileError::NotAFile { path }),
            Err(source) => return Err(failed(action, &path, source.into())),
        };
        let about = file.metadata().map_err(|source| failed(action, &path, source))?;
        if about.is_file() { Ok(Some(file)) } else { Err(FileError::NotAFile { path }) }
    }

    /// Content of the file `name`, at most `limit` bytes; `None` where there is none.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
        let Some(file) = self.open(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        // One byte more than the limit: the file may grow while it is read.
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| failed("read", &self.path_of(name), source))?;
        let length = bytes.len() as u64;
        if length > limit {
            let path = self.path_of(name);
            return Err(FileError::TooLong { path, bytes: length, limit });
        }
        Ok(Some(bytes))
    }

    /// The first line of the file `name` with its line feed, at most one byte more than `limit`;
    /// `None` where there is no file.
    pub(crate) fn first_line(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
        let Some(file) = self.open(name)? else { return Ok(None) };
        let mut line = Vec::new();
        BufReader::new(file.take(limit.saturating_add(1)))
            .read_until(b'\n', &mut line)
            .map_err(|source| failed("read", &self.path_of(name), source))?;
        Ok(Some(line))
    }

    /// Replaces the file `name` by one with `bytes`, written beside it; the old one stays if that
    /// fails. Only one process may replace a file of this name at a time. With `is_synced`, file
    /// and folder are on the device when it returns.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8], is_synced: bool) -> io::Result<()> {
        let part = format!(".{name}{PART}");
        self.remove_file(&part)?;
        let written = self.write_new(&part, bytes, is_synced).and_then(|()| {
            Ok(rustix::fs::renameat(&self.handle, part.as_str(), &self.handle, name)?)
        });
        if written.is_err() {
            // The next replacement removes it, where this one cannot.
            let _ = self.remove_file(&part);
        }
        written?;
        if is_synced { self.sync() } else { Ok(()) }
    }

    /// Writes `bytes` to the file `name`, which must not exist.
    pub(crate) fn write_new(&self, name: &str, bytes: &[u8], is_synced: bool) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.handle, name, flags, FILE)?);
        rustix::fs::fchmod(&file, FILE)?;
        file.write_all(bytes)?;
        if is_synced { file.sync_all() } else { Ok(()) }
    }

    fn remove_file(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes names in the folder durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.handle)?)
    }

    /// Renames an entry of the folder; a file of the new name is replaced.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.handle, from, &self.handle, to)?)
    }

    /// Whether there is anything of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.about(name).is_ok()
    }

    /// Whether `folder` is the one that has this name now.
    pub(crate) fn is_still(&self, name: &str, folder: &Self) -> bool {
        match (self.about(name), rustix::fs::fstat(&folder.handle)) {
            (Ok(named), Ok(open)) => (named.st_dev, named.st_ino) == (open.st_dev, open.st_ino),
            _ => false,
        }
    }

    /// Length of the file `name`; zero where there is none.
    pub(crate) fn length(&self, name: &str) -> u64 {
        self.about(name).map_or(0, |about| u64::try_from(about.st_size).unwrap_or(0))
    }

    /// Names in the folder, sorted; those that are not UTF-8 with replacements.
    pub(crate) fn names(&self) -> Result<Vec<String>, FileError> {
        let error = |source: Errno| failed("read the folder", &self.path, source.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle).map_err(error)? {
            let name = entry.map_err(error)?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes the folder `name` with all that is in it; links are removed, not followed.
    pub(crate) fn remove_folder(&self, name: &str) -> Result<(), FileError> {
        let path = self.path_of(name);
        // A write that is under way may put a file into a folder that was found empty.
        let mut attempts = 0;
        loop {
            match std::fs::remove_dir_all(&path) {
                Err(source)
                    if source.kind() == io::ErrorKind::DirectoryNotEmpty && attempts < REMOVALS =>
                {
                    attempts += 1;
                }
                done => return done.map_err(|source| failed("remove", &path, source)),
            }
        }
    }

    fn about(&self, name: &str) -> Result<rustix::fs::Stat, Errno> {
        rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn is_link(&self, name: &str) -> bool {
        let kind = self.about(name).map(|about| FileType::from_raw_mode(about.st_mode));
        kind == Ok(FileType::Symlink)
    }
}

/// Gives a folder that was just created its mode: `mkdir` left out what the umask holds.
fn private(at: impl std::os::fd::AsFd, path: &Path) -> Result<(), Errno> {
    rustix::fs::chmodat(at, path, FOLDER, AtFlags::empty())
}

fn is_nothing(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> FileError {
    FileError::Io { action, path: path.to_owned(), source }
}

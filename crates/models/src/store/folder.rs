//! Folders of the store and partial files, opened without following symbolic links.
//!
//! Invariant: below its root the store neither reads, writes nor removes through a symbolic link; a
//! file opened for writing is a regular file with one hard link. The root itself may be a link,
//! chosen by the user.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::ModelError;

/// Modes of created files and folders, before the umask.
const FILE: Mode = Mode::from_raw_mode(0o666);
const FOLDER: Mode = Mode::from_raw_mode(0o777);

/// One open folder of the store.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    handle: Arc<OwnedFd>,
    path: PathBuf,
}

impl Folder {
    /// Opens the folder `name` below `root`; creates both if absent.
    pub(crate) fn open(root: &Path, name: &str) -> Result<Self, ModelError> {
        fs::create_dir_all(root).map_err(ModelError::io("create", root))?;
        let path = root.join(name);
        let as_folder = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let top = rustix::fs::openat(CWD, root, as_folder, Mode::empty())
            .map_err(|error| ModelError::io("open", root)(error.into()))?;
        match rustix::fs::mkdirat(&top, name, FOLDER) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(ModelError::io("create", &path)(error.into())),
        }
        let opened = rustix::fs::openat(&top, name, as_folder | OFlags::NOFOLLOW, Mode::empty());
        let handle = opened.map_err(|error| failed("open", &path, error))?;
        Ok(Self { handle: Arc::new(handle), path })
    }

    /// Path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in the folder, existing or not.
    pub(crate) fn file(&self, name: impl Into<String>) -> PartialFile {
        let name = name.into();
        PartialFile { path: self.path.join(&name), folder: self.clone(), name }
    }

    /// Makes renames in the folder durable.
    pub(crate) fn sync(&self) -> Result<(), ModelError> {
        rustix::fs::fsync(&*self.handle)
            .map_err(|error| ModelError::io("write", &self.path)(error.into()))
    }
}

/// One file in a folder of the store.
#[derive(Clone, Debug)]
pub(crate) struct PartialFile {
    folder: Folder,
    name: String,
    path: PathBuf,
}

impl PartialFile {
    /// Path of the file, for interfaces that need one.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file for reading and writing; creates it if absent. A symbolic link is an error.
    pub(crate) fn open(&self) -> Result<File, ModelError> {
        self.open_with(OFlags::CREATE | OFlags::RDWR).map_err(|error| self.failed("open", error))
    }

    /// Opens the file for writing from `offset`. A symbolic link, or a file with several hard
    /// links, is replaced by a new file.
    pub(crate) fn resume(&self, offset: u64) -> Result<File, ModelError> {
        let write = |error: io::Error| ModelError::io("write", &self.path)(error);
        let file = match self.open_with(OFlags::CREATE | OFlags::WRONLY) {
            Ok(file) if is_unshared(&file) => file,
            Ok(_) | Err(Errno::LOOP) => return self.create(),
            Err(error) => return Err(self.failed("open", error)),
        };
        file.set_len(offset).map_err(write)?;
        io::Seek::seek(&mut &file, io::SeekFrom::Start(offset)).map_err(write)?;
        Ok(file)
    }

    /// Creates a new, empty file in place of an existing one.
    pub(crate) fn create(&self) -> Result<File, ModelError> {
        self.discard();
        self.open_with(OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY)
            .map_err(|error| self.failed("create", error))
    }

    /// Content of the file, if it has at most `limit` bytes.
    pub(crate) fn read(&self, limit: u64) -> Option<Vec<u8>> {
        let file = self.open_with(OFlags::RDONLY).ok()?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= limit).then_some(bytes)
    }

    /// Length of the file; zero if it is not a regular file with one hard link.
    pub(crate) fn length(&self) -> u64 {
        let about = rustix::fs::statat(&*self.folder.handle, &self.name, AtFlags::SYMLINK_NOFOLLOW);
        about.map_or(0, |about| {
            let is_file = FileType::from_raw_mode(about.st_mode) == FileType::RegularFile;
            if is_file && about.st_nlink == 1 {
                u64::try_from(about.st_size).unwrap_or(0)
            } else {
                0
            }
        })
    }

    /// Renames the file, replacing an existing one.
    pub(crate) fn rename(&self, to: &Self) -> Result<(), ModelError> {
        rustix::fs::renameat(&*self.folder.handle, &self.name, &*to.folder.handle, &to.name)
            .map_err(|error| ModelError::io("write", &to.path)(error.into()))
    }

    /// Removes the file, or a link in its place; a file that cannot be removed is replaced by the
    /// next pull.
    pub(crate) fn discard(&self) {
        match rustix::fs::unlinkat(&*self.folder.handle, &self.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => tracing::debug!(path = %self.path.display(), %error, "cannot remove"),
        }
    }

    /// Makes the content of the file durable.
    pub(crate) fn sync(&self) -> Result<(), ModelError> {
        let file = self.open_with(OFlags::RDONLY).map_err(|error| self.failed("open", error))?;
        file.sync_all().map_err(ModelError::io("write", &self.path))
    }

    /// Opens the file without blocking on a pipe.
    fn open_with(&self, flags: OFlags) -> Result<File, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        rustix::fs::openat(&*self.folder.handle, &self.name, flags, FILE).map(File::from)
    }

    fn failed(&self, action: &'static str, error: Errno) -> ModelError {
        failed(action, &self.path, error)
    }
}

/// The error of opening a path; a symbolic link is reported by the system as a loop.
fn failed(action: &'static str, path: &Path, error: Errno) -> ModelError {
    let is_link = fs::symlink_metadata(path).is_ok_and(|about| about.is_symlink());
    if matches!(error, Errno::LOOP | Errno::NOTDIR) && is_link {
        return ModelError::SymbolicLink(path.to_owned());
    }
    ModelError::io(action, path)(error.into())
}

fn is_unshared(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|about| about.is_file() && about.nlink() == 1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_planted_link_is_neither_followed_nor_damaged() {
        let root = tempfile::tempdir().expect("a folder");
        let victim = root.path().join("victim");
        fs::write(&victim, "precious").expect("written");
        let folder = Folder::open(root.path(), "partial").expect("opened");
        let part = folder.file("x.part");
        for symbolic in [true, false] {
            let planted = || {
                let (from, to) = (&victim, part.path());
                if symbolic { symlink(from, to) } else { fs::hard_link(from, to) }
                    .expect("planted");
            };
            planted();
            assert_eq!(part.length(), 0);
            drop(part.resume(3).expect("a file of its own"));
            part.discard();
            planted();
            drop(part.create().expect("a file of its own"));
            part.discard();
            planted();
            part.discard();
            assert_eq!(fs::read_to_string(&victim).expect("read"), "precious");
        }
        symlink(&victim, part.path()).expect("planted");
        assert!(part.read(100).is_none());
        assert!(matches!(part.open(), Err(ModelError::SymbolicLink(_))));
    }

    #[test]
    fn a_linked_folder_is_rejected_and_a_linked_root_is_not() {
        let root = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        symlink(elsewhere.path(), root.path().join("partial")).expect("planted");
        let error = Folder::open(root.path(), "partial").expect_err("a link");
        assert!(matches!(error, ModelError::SymbolicLink(_)), "{error}");
        assert!(fs::read_dir(elsewhere.path()).expect("listed").next().is_none());

        symlink(elsewhere.path(), root.path().join("root")).expect("linked");
        Folder::open(&root.path().join("root"), "partial").expect("the user's own link");
    }

    #[test]
    fn a_partial_file_is_resumed_at_its_end() {
        let root = tempfile::tempdir().expect("a folder");
        let part = Folder::open(root.path(), "partial").expect("opened").file("x");
        io::Write::write_all(&mut part.resume(0).expect("new"), b"abcdef").expect("written");
        io::Write::write_all(&mut part.resume(4).expect("there"), b"x").expect("written");
        assert_eq!((part.read(100), part.read(4)), (Some(b"abcdx".to_vec()), None));
        assert_eq!(part.length(), 5);
    }
}

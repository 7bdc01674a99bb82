//! The folder of a workspace, and paths below it.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;

use crate::output::quoted;

/// Longest path, in bytes.
const LONGEST: usize = 1024;

/// Most components of a path.
const DEEPEST: usize = 64;

/// An open folder; paths are resolved below it whatever happens to its own path.
#[derive(Debug)]
pub(super) struct Folder {
    dir: Dir,
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Dir::open_ambient_dir(path, cap_std::ambient_authority()).map(|dir| Self { dir })
    }

    /// The folder at `path`; the workspace itself for `.`.
    pub(super) fn folder(&self, path: &str) -> Result<Dir, String> {
        let relative = relative(path)?;
        if relative.as_os_str().is_empty() {
            return self.dir.try_clone().map_err(|error| failure(path, &error));
        }
        self.dir.open_dir(&relative).map_err(|error| failure(path, &error))
    }

    /// The regular file at `path`, open for reading, and its size.
    pub(super) fn file(&self, path: &str) -> Result<(File, u64), String> {
        let relative = relative(path)?;
        if relative.as_os_str().is_empty() {
            return Err("`.` is the workspace itself: name a file".to_owned());
        }
        open_file(&self.dir, relative.as_os_str(), path)
    }

    /// The folder that `path` lies in, made where `make` says so, and the last part of `path`.
    pub(super) fn parent(&self, path: &str, make: bool) -> Result<(Dir, PathBuf), String> {
        let relative = relative(path)?;
        let name = relative
            .file_name()
            .map(PathBuf::from)
            .ok_or_else(|| format!("invalid path `{}`: expected that of a file", quoted(path)))?;
        let parent = relative.parent().filter(|parent| !parent.as_os_str().is_empty());
        let Some(parent) = parent else {
            return Ok((self.dir.try_clone().map_err(|error| failure(path, &error))?, name));
        };
        if make {
            self.dir.create_dir_all(parent).map_err(|error| failure(path, &error))?;
        }
        let dir = self.dir.open_dir(parent).map_err(|error| failure(path, &error))?;
        Ok((dir, name))
    }
}

/// The regular file `name` of `dir`, open for reading, and its size; errors name `shown`.
pub(super) fn open_file(dir: &Dir, name: &OsStr, shown: &str) -> Result<(File, u64), String> {
    let fail = |error: io::Error| failure(shown, &error);
    // Opening a device can have effects, and opening a pipe can wait forever: both are looked at
    // before, and in case they are swapped in meanwhile, nothing waits and what was opened is looked
    // at again.
    let regular = |metadata: cap_std::fs::Metadata| {
        if metadata.is_file() {
            return Ok(metadata.len());
        }
        let what = if metadata.is_dir() { "a folder" } else { "no regular file" };
        Err(format!("`{}` is {what}: name a file", quoted(shown)))
    };
    regular(dir.metadata(name).map_err(fail)?)?;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = dir.open_with(name, &options).map_err(fail)?;
    let size = regular(file.metadata().map_err(fail)?)?;
    Ok((file, size))
}

/// `path` below the workspace, without `.`; empty for the workspace itself.
fn relative(path: &str) -> Result<PathBuf, String> {
    let invalid = |what: &str| Err(format!("invalid path `{}`: {what}", quoted(path)));
    if path.contains('\0') {
        return invalid("it has a NUL character");
    }
    if path.len() > LONGEST {
        return invalid("it is too long");
    }
    let mut relative = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => relative.push(name),
            Component::ParentDir => {
                return invalid("expected no `..`, since paths are relative to the workspace");
            }
            Component::RootDir | Component::Prefix(_) => {
                return invalid("expected a path relative to the workspace");
            }
        }
    }
    if relative.components().count() > DEEPEST {
        return invalid("it is too deep");
    }
    Ok(relative)
}

/// A failure of the system, in words for a model.
pub(super) fn failure(path: &str, error: &io::Error) -> String {
    let path = quoted(path);
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("`{path}` does not exist: list its folder to see what does")
        }
        io::ErrorKind::PermissionDenied => {
            format!("`{path}` may not be accessed, or leads out of the workspace")
        }
        io::ErrorKind::NotADirectory => format!("`{path}`: a part of this path is no folder"),
        io::ErrorKind::IsADirectory => format!("`{path}` is a folder: name a file"),
        _ => format!("`{path}`: {}", quoted(&error.to_string())),
    }
}

/// A name of the system as it is shown: in one line.
pub(super) fn shown(name: &OsStr) -> String {
    let name = name.to_string_lossy();
    name.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

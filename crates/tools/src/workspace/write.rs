//! `workspace.write` and `workspace.replace`: a file is replaced whole or stays as it was.

use std::io::{self, Read, Write};
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions, Permissions};
use schemars::JsonSchema;
use serde::Deserialize;

use super::folder::{Folder, failure, open_file};
use crate::limits::ARGUMENT_BYTES;
use crate::output::quoted;

/// Maximum size of a file in which a passage is replaced, in bytes.
const FILE_BYTES: u64 = 4 << 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteArguments {
    /// File, relative to the workspace.
    path: String,
    /// The whole text of the file.
    content: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplaceArguments {
    /// File, relative to the workspace.
    path: String,
    /// Passage that stands in the file, exactly as it does there.
    #[schemars(length(min = 1))]
    old: String,
    /// What is to stand there.
    new: String,
    /// Whether every place is replaced; without it, `old` must stand in one place.
    #[serde(default)]
    all: bool,
}

pub(super) fn write(folder: &Folder, arguments: &WriteArguments) -> Result<String, String> {
    let WriteArguments { path, content } = arguments;
    let (dir, name) = folder.parent(path, true)?;
    let existed = put(&dir, &name, path, content)?;
    let done = if existed { "replaced" } else { "wrote" };
    Ok(format!("{done} `{}`, {} bytes", quoted(path), content.len()))
}

pub(super) fn replace(folder: &Folder, arguments: &ReplaceArguments) -> Result<String, String> {
    let ReplaceArguments { path, old, new, all } = arguments;
    let (dir, name) = folder.parent(path, false)?;
    let (file, size) = open_file(&dir, name.as_os_str(), path)?;
    let large = || format!("`{}` has {size} bytes of {FILE_BYTES} allowed", quoted(path));
    if size > FILE_BYTES {
        return Err(large());
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut bytes).map_err(|error| failure(path, &error))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("`{}` is binary or not UTF-8: it cannot be edited", quoted(path)))?;
    let places = text.matches(old.as_str()).count();
    match (places, all) {
        (0, _) => {
            return Err(format!(
                "`old` does not stand in `{}`: read it, and give the passage exactly",
                quoted(path)
            ));
        }
        (1, _) | (_, true) => {}
        (places, false) => {
            return Err(format!(
                "`old` stands in {places} places of `{}`: give more of its surroundings, or set \
                 `all`",
                quoted(path)
            ));
        }
    }
    let grown = places.saturating_mul(new.len()).saturating_add(text.len());
    if grown > ARGUMENT_BYTES + usize::try_from(FILE_BYTES).unwrap_or(usize::MAX) {
        return Err("the file would become too large: replace less".to_owned());
    }
    put(&dir, &name, path, &text.replace(old.as_str(), new))?;
    Ok(format!("replaced {places} places of `{}`", quoted(path)))
}

/// Puts `content` in the place of the file `name` of `dir`; whether there was one.
fn put(dir: &Dir, name: &Path, path: &str, content: &str) -> Result<bool, String> {
    let fail = |error: io::Error| failure(path, &error);
    let permissions = match dir.symlink_metadata(name) {
        Ok(old) if old.is_file() => Some(old.permissions()),
        Ok(old) if old.is_dir() => {
            return Err(format!("`{}` is a folder: name a file", quoted(path)));
        }
        Ok(_) => {
            return Err(format!(
                "`{}` is a link or no regular file, which is not overwritten: name another",
                quoted(path)
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(fail(error)),
    };
    let existed = permissions.is_some();
    let staged = format!(".harmonic-{:016x}.tmp", fastrand::u64(..));
    let done = stage(dir, &staged, content, permissions)
        .and_then(|()| dir.rename(&staged, dir, name))
        .map_err(fail);
    if done.is_err() {
        // What is left is only rubbish.
        let _gone = dir.remove_file(&staged);
    }
    done.map(|()| existed)
}

/// Writes the new file beside the old one, on the disk and not only in memory.
fn stage(dir: &Dir, name: &str, content: &str, permissions: Option<Permissions>) -> io::Result<()> {
    let mut file = dir.open_with(name, OpenOptions::new().write(true).create_new(true))?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

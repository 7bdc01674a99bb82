//! A model in one file, or in several (`NAME-00001-of-00003.gguf`, by llama.cpp's `gguf-split`):
//! the first has the metadata, each its own tensors.
//!
//! Owns: names of shards, and verification that files belong together (`split.no`, `split.count`,
//! `split.tensors.count`). The first file represents the model: llama.cpp loads the others by its
//! name.
//!
//! Invariant: [`ModelFiles`] are complete, and no tensor is in two of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use harmonic_types::{Bytes, ModelShape};

use crate::error::ModelError;
use crate::gguf::{Header, shape};

/// Maximum number of shards, above that of any model.
pub const MAX_SHARDS: u32 = 1024;
/// Maximum tensors of all shards together, as for one file.
const MAX_TENSORS: usize = 1 << 17;

/// A parsed file name of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShardName<'a> {
    /// Name of the model.
    pub(crate) base: &'a str,
    /// Index from 1.
    pub(crate) index: u32,
    /// Number of shards.
    pub(crate) count: u32,
    /// Extension: `.gguf` in any case, or empty.
    ending: &'a str,
}

impl<'a> ShardName<'a> {
    /// Parses `NAME-00002-of-00003[.gguf]`, with or without folders.
    pub(crate) fn of(name: &'a str) -> Option<Self> {
        let at = name.len().checked_sub(5).filter(|at| name.is_char_boundary(*at));
        let (stem, ending) = match at.map(|at| name.split_at(at)) {
            Some((stem, ending)) if ending.eq_ignore_ascii_case(".gguf") => (stem, ending),
            _ => (name, ""),
        };
        let (rest, count) = stem.rsplit_once("-of-")?;
        let (base, index) = rest.rsplit_once('-')?;
        let number = |text: &str| {
            (text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.parse::<u32>().ok())?
        };
        let (index, count) = (number(index)?, number(count)?);
        (index >= 1 && index <= count && count <= MAX_SHARDS && !base.is_empty()).then_some(Self {
            base,
            index,
            count,
            ending,
        })
    }

    /// The name of another shard of the same model.
    pub(crate) fn sibling(&self, index: u32) -> String {
        let Self { base, count, ending, .. } = self;
        format!("{base}-{index:05}-of-{count:05}{ending}")
    }

    /// The names of all shards in order.
    pub(crate) fn all(&self) -> Vec<String> {
        (1..=self.count).map(|index| self.sibling(index)).collect()
    }
}

/// All files of a model, with their headers.
#[derive(Clone, Debug)]
pub struct ModelFiles {
    /// The files in order.
    pub paths: Vec<PathBuf>,
    /// The metadata of the first file, and the tensors of all.
    pub header: Header,
    /// Total size.
    pub size: Bytes,
}

impl ModelFiles {
    /// Opens the model of the file at `path`, which may be the first shard.
    ///
    /// # Errors
    /// If a file cannot be read, a shard is missing (it is named), or they do not belong together.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Self::read(Self::paths(path)?)
    }

    /// The files of the model at `path`, by its name.
    ///
    /// # Errors
    /// If it is a shard but not the first, or one of the others is missing.
    pub fn paths(path: &Path) -> Result<Vec<PathBuf>, ModelError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(shard) = name.and_then(ShardName::of).filter(|shard| shard.count > 1) else {
            return Ok(vec![path.to_owned()]);
        };
        require_first(&shard, &path.display().to_string())?;
        let paths: Vec<_> = shard.all().iter().map(|name| path.with_file_name(name)).collect();
        match paths.iter().skip(1).find(|path| !path.exists()) {
            Some(missing) if path.exists() => Err(incomplete(
                path,
                format!("{} of its {} shards is missing", missing.display(), shard.count),
            )),
            _ => Ok(paths),
        }
    }

    /// The model of these files, in order, regardless of their names.
    ///
    /// # Errors
    /// As [`ModelFiles::open`].
    pub fn read(paths: Vec<PathBuf>) -> Result<Self, ModelError> {
        let Some((first, others)) = paths.split_first() else {
            return Err(incomplete(Path::new(""), "it has no files".to_owned()));
        };
        let mut header = Header::open(first)?;
        let mut size = length(first)?;
        let count = paths.len() as u64;
        let total = number(first, &header, "split.tensors.count")?;
        check(first, &header, 0, count)?;
        for (index, path) in others.iter().enumerate() {
            let other = Header::open(path)?;
            check(path, &other, index as u64 + 1, count)?;
            if number(path, &other, "split.tensors.count")? != total {
                let reason = format!(
                    "{} is of another model: its number of tensors differs",
                    path.display()
                );
                return Err(incomplete(first, reason));
            }
            header.tensors.extend(other.tensors);
            if header.tensors.len() > MAX_TENSORS {
                let reason = format!("it has more than {MAX_TENSORS} tensors");
                return Err(incomplete(first, reason));
            }
            size = size.saturating_add(length(path)?);
        }
        if count > 1 {
            let held = header.tensors.len() as u64;
            if total != Some(held) {
                let total = total.unwrap_or(0);
                let reason = format!("it has {held} tensors, but split.tensors.count is {total}");
                return Err(incomplete(first, reason));
            }
            let mut names = BTreeSet::new();
            if let Some(twice) = header.tensors.iter().find(|one| !names.insert(&one.name)) {
                let name: String =
                    twice.name.chars().take(64).flat_map(char::escape_default).collect();
                return Err(incomplete(first, format!("the tensor `{name}` is in two shards")));
            }
        }
        Ok(Self { paths, header, size: Bytes(size) })
    }

    /// The shape of the model.
    ///
    /// # Errors
    /// If it is not a language model.
    pub fn shape(&self) -> Result<ModelShape, ModelError> {
        let path = self.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
        shape(&self.header).map_err(|error| ModelError::Gguf { path, error })
    }
}

/// Rejects a shard that is not the first. `given` is its name in the error.
pub(crate) fn require_first(shard: &ShardName<'_>, given: &str) -> Result<(), ModelError> {
    if shard.index == 1 {
        return Ok(());
    }
    Err(ModelError::Shards {
        path: given.to_owned(),
        reason: format!(
            "it is shard {} of {}: expected the first one, {}",
            shard.index,
            shard.count,
            shard.sibling(1)
        ),
    })
}

/// Compares the position stated in a file with the expected one. A single file may state none.
fn check(path: &Path, header: &Header, index: u64, count: u64) -> Result<(), ModelError> {
    let stated = number(path, header, "split.count")?;
    if count == 1 {
        return match stated {
            Some(stated) if stated > 1 => Err(incomplete(
                path,
                format!(
                    "it is one of {stated} shards (split.count): expected file names \
                     NAME-00001-of-{stated:05}.gguf and so on"
                ),
            )),
            _ => Ok(()),
        };
    }
    if stated != Some(count) {
        let stated = stated.map_or("missing".to_owned(), |stated| stated.to_string());
        return Err(incomplete(
            path,
            format!("split.count is {stated}, expected {count} by its name"),
        ));
    }
    let own = number(path, header, "split.no")?;
    if own != Some(index) {
        let own = own.map_or("missing".to_owned(), |own| own.to_string());
        return Err(incomplete(path, format!("split.no is {own}, expected {index} by its name")));
    }
    Ok(())
}

fn number(path: &Path, header: &Header, key: &str) -> Result<Option<u64>, ModelError> {
    let value = header.metadata.get(key).map(|value| value.as_u32(key)).transpose();
    let value =
        value.map_err(|error| ModelError::Gguf { path: path.display().to_string(), error })?;
    Ok(value.map(u64::from))
}

fn length(path: &Path) -> Result<u64, ModelError> {
    Ok(fs::metadata(path).map_err(ModelError::io("read", path))?.len())
}

fn incomplete(path: &Path, reason: String) -> ModelError {
    ModelError::Shards { path: path.display().to_string(), reason }
}

#[cfg(test)]
pub(crate) mod tests;

//! A model in one file, or in several (`NAME-00001-of-00003.gguf`, by llama.cpp's `gguf-split`):
//! the first holds the metadata, each its own tensors.
//!
//! Owns: which files belong together, and that they do (`split.no`, `split.count`,
//! `split.tensors.count`). The first file stands for the model: llama.cpp loads the others by its
//! name.
//!
//! Invariant: [`ModelFiles`] are complete, and no tensor is in two of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use harmonic_types::{Bytes, ModelShape};

use crate::error::ModelError;
use crate::gguf::{Header, shape};

/// More shards than any model has; a name may claim any number.
pub const MAX_SHARDS: u32 = 1024;
/// Tensors of all shards together; as many as one file may have.
const MAX_TENSORS: usize = 1 << 17;

/// What the name of a shard says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShardName<'a> {
    /// The name of the whole.
    pub(crate) base: &'a str,
    /// Counted from 1.
    pub(crate) index: u32,
    /// How many there are.
    pub(crate) count: u32,
    /// What stands after: `.gguf` in some case, or nothing.
    ending: &'a str,
}

impl<'a> ShardName<'a> {
    /// `NAME-00002-of-00003[.gguf]`, with or without folders before it.
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

    /// The names of all, the first one first.
    pub(crate) fn all(&self) -> Vec<String> {
        (1..=self.count).map(|index| self.sibling(index)).collect()
    }
}

/// All files of one model, whose headers were read.
#[derive(Clone, Debug)]
pub struct ModelFiles {
    /// The files, the first one first.
    pub paths: Vec<PathBuf>,
    /// The metadata of the first, and the tensors of all.
    pub header: Header,
    /// Size of all.
    pub size: Bytes,
}

impl ModelFiles {
    /// The model that the file at `path` is, or is the first shard of.
    ///
    /// # Errors When a file cannot be read, a shard is missing (it is named), or they do not belong
    /// together.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Self::read(Self::paths(path)?)
    }

    /// The files that `path` stands for, by its name.
    ///
    /// # Errors
    /// When it is a shard and not the first, or one of the others is not there.
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

    /// The model that exactly these files are, the first one first, whatever their names.
    ///
    /// # Errors
    /// As [`ModelFiles::open`].
    pub fn read(paths: Vec<PathBuf>) -> Result<Self, ModelError> {
        let Some((first, others)) = paths.split_first() else {
            return Err(incomplete(Path::new(""), "there are none".to_owned()));
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
                let reason =
                    format!("{} is of another model: it counts other tensors", path.display());
                return Err(incomplete(first, reason));
            }
            header.tensors.extend(other.tensors);
            if header.tensors.len() > MAX_TENSORS {
                let reason = format!("they have more than {MAX_TENSORS} tensors");
                return Err(incomplete(first, reason));
            }
            size = size.saturating_add(length(path)?);
        }
        if count > 1 {
            let held = header.tensors.len() as u64;
            if total != Some(held) {
                let total = total.unwrap_or(0);
                let reason = format!("they hold {held} tensors, split.tensors.count is {total}");
                return Err(incomplete(first, reason));
            }
            let mut names = BTreeSet::new();
            if let Some(twice) = header.tensors.iter().find(|one| !names.insert(&one.name)) {
                let name: String =
                    twice.name.chars().take(64).flat_map(char::escape_default).collect();
                return Err(incomplete(first, format!("the tensor `{name}` is in two of them")));
            }
        }
        Ok(Self { paths, header, size: Bytes(size) })
    }

    /// The shape of the whole.
    ///
    /// # Errors
    /// When it is no language model.
    pub fn shape(&self) -> Result<ModelShape, ModelError> {
        let path = self.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
        shape(&self.header).map_err(|error| ModelError::Gguf { path, error })
    }
}

/// Only the first shard stands for the model. `given` is as the user knows it.
pub(crate) fn require_first(shard: &ShardName<'_>, given: &str) -> Result<(), ModelError> {
    if shard.index == 1 {
        return Ok(());
    }
    Err(ModelError::Shards {
        path: given.to_owned(),
        reason: format!(
            "it is shard {} of {}: name the first one, {}",
            shard.index,
            shard.count,
            shard.sibling(1)
        ),
    })
}

/// A file's own idea of its place. A file that stands alone may have none.
fn check(path: &Path, header: &Header, index: u64, count: u64) -> Result<(), ModelError> {
    let stated = number(path, header, "split.count")?;
    if count == 1 {
        return match stated {
            Some(stated) if stated > 1 => Err(incomplete(
                path,
                format!(
                    "it is one of {stated} shards (split.count): name them NAME-00001-of-{stated:05}.gguf \
                 and so on"
                ),
            )),
            _ => Ok(()),
        };
    }
    if stated != Some(count) {
        let stated = stated.map_or("missing".to_owned(), |stated| stated.to_string());
        return Err(incomplete(path, format!("split.count is {stated}, the names say {count}")));
    }
    let own = number(path, header, "split.no")?;
    if own != Some(index) {
        let own = own.map_or("missing".to_owned(), |own| own.to_string());
        return Err(incomplete(path, format!("split.no is {own}, by its name it is {index}")));
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

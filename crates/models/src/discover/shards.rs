//! A model that was split into several files (`NAME-00001-of-00003.gguf`, by llama.cpp's
//! `gguf-split`): the first holds the metadata, each its own tensors.

use std::fs;
use std::path::{Path, PathBuf};

use harmonic_types::{Bytes, ModelFile};

use crate::discover::{Cache, FoundModel};
use crate::gguf::{Header, shape};

/// More shards than any model has; a name may claim any number.
const MAX_SHARDS: u32 = 1024;

/// The files of one model, the first one first.
pub(super) struct Shards(Vec<PathBuf>);

impl Shards {
    /// The shards that belong to `path`; `None` where it is not the first of them.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let stem = path.file_stem()?.to_string_lossy();
        let Some((base, index, count)) = split(&stem) else {
            return Some(Self(vec![path.to_owned()]));
        };
        if index != 1 {
            return None;
        }
        let end = path.extension()?.to_string_lossy();
        let name = |number: u32| format!("{base}-{number:05}-of-{count:05}.{end}");
        Some(Self((1..=count).map(|number| path.with_file_name(name(number))).collect()))
    }

    /// Reads all headers; `None` where one is missing or damaged, or there is no model.
    pub(super) fn examine(self, cache: Cache, name: String) -> Option<FoundModel> {
        let (first, others) = self.0.split_first()?;
        let mut header = Header::open(first).ok()?;
        let mut size = fs::metadata(first).ok()?.len();
        for other in others {
            header.tensors.extend(Header::open(other).ok()?.tensors);
            size = size.saturating_add(fs::metadata(other).ok()?.len());
        }
        let shape = shape(&header).ok()?;
        let shards = u32::try_from(self.0.len()).ok()?;
        let name = match split(name.strip_suffix(".gguf").unwrap_or(&name)) {
            Some((base, ..)) if cache != Cache::HuggingFace => base.to_owned(),
            _ => name,
        };
        let path = first.clone();
        let file = ModelFile { name, path, digest: None, shape };
        Some(FoundModel { cache, size: Bytes(size), shards, file })
    }
}

/// `NAME-00002-of-00003` → (`NAME`, 2, 3).
fn split(stem: &str) -> Option<(&str, u32, u32)> {
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (base, index) = rest.rsplit_once('-')?;
    let number = |text: &str| {
        (text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u32>().ok())?
    };
    let (index, count) = (number(index)?, number(count)?);
    (index >= 1 && index <= count && count <= MAX_SHARDS).then_some((base, index, count))
}

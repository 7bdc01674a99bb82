//! Discovery of GGUF files in the caches of other tools.
//!
//! Invariants: nothing is copied, linked or changed; unreadable files and other than language
//! models are ignored; a file with several names is listed once, and a model in shards is listed
//! once with the total size. Names are unique, and differ from those of the store and from those
//! that resemble the catalog's: otherwise they are prefixed with the tool (`ollama:qwen3:4b`) or
//! have the revision.
//!
//! Does not do: locate the caches (the caller fills [`CacheRoots`]), hash files.

mod candidate;
mod ollama;

use std::collections::BTreeSet;
use std::path::PathBuf;

use harmonic_types::{Bytes, ModelFile};
use serde::Serialize;

use crate::error::ModelError;
use crate::quant;
use crate::shards::ModelFiles;
use crate::source::Source;

use candidate::Candidate;

/// Folders to search; absent ones are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheRoots {
    /// `$HF_HOME/hub` (by default `~/.cache/huggingface/hub`).
    pub hugging_face: Vec<PathBuf>,
    /// `$OLLAMA_MODELS`, `~/.ollama/models`, `/usr/share/ollama/.ollama/models`.
    pub ollama: Vec<PathBuf>,
    /// `~/.lmstudio/models`, `~/.cache/lm-studio/models`.
    pub lm_studio: Vec<PathBuf>,
    /// `$LLAMA_CACHE`, `~/.cache/llama.cpp`.
    pub llama_cpp: Vec<PathBuf>,
}

/// The tool that owns a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cache {
    /// Hugging Face hub.
    HuggingFace,
    /// Ollama.
    Ollama,
    /// LM Studio.
    LmStudio,
    /// llama.cpp.
    LlamaCpp,
}

/// One model in another tool's cache.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundModel {
    /// The cache.
    pub cache: Cache,
    /// Size of the file, or the total of its shards.
    pub size: Bytes,
    /// Number of files.
    pub shards: u32,
    /// The (first) file. Its name is the tool's if that is unambiguous: `hf:ORG/REPO/FILE`,
    /// Ollama's `model:tag`, otherwise the file's stem. Its digest is `None`, as it is not hashed.
    pub file: ModelFile,
}

/// Names and sources of the store, which are not used for discovered models.
pub type ReservedNames = BTreeSet<String>;

/// All discovered models, ordered by tool (Hugging Face, Ollama, LM Studio, llama.cpp) and name.
pub fn discover(roots: &CacheRoots, reserved: &ReservedNames) -> Vec<FoundModel> {
    let mut seen = BTreeSet::new();
    candidate::all(roots, reserved)
        .into_iter()
        .filter_map(|candidate| {
            let found = open(candidate).ok()?;
            let real = found.file.path.canonicalize().ok()?;
            seen.insert(real).then_some(found)
        })
        .collect()
}

/// The model named `name`: as named by [`discover()`], prefixed with its tool, or as a quantisation
/// of a cached repository.
///
/// # Errors
/// If its files cannot be used; the error names a missing shard.
pub fn find(
    roots: &CacheRoots,
    reserved: &ReservedNames,
    name: &str,
) -> Result<Option<FoundModel>, ModelError> {
    let source = name.parse::<Source>().ok();
    let canonical = source.as_ref().map(Source::to_string);
    let mut all = candidate::all(roots, reserved);
    let matches = |known: &str| known == name || Some(known) == canonical.as_deref();
    let index = all.iter().position(|found| matches(&found.name) || matches(&found.qualified));
    let index = index.or_else(|| match &source {
        Some(Source::Quant { repo, revision, quant }) => {
            file_of_quantization(&all, repo, revision.as_ref(), quant.as_deref())
        }
        _ => None,
    });
    index.map(|index| open(all.swap_remove(index))).transpose()
}

/// Index of the candidate for a quantisation of a repository.
fn file_of_quantization(
    all: &[Candidate],
    repo: &str,
    revision: Option<&String>,
    quant: Option<&str>,
) -> Option<usize> {
    let mut candidates = Vec::new();
    for (index, candidate) in all.iter().enumerate() {
        let name = if revision.is_some() { &candidate.qualified } else { &candidate.name };
        if let Ok(Source::Hub { repo: own, revision: at, file }) = name.parse()
            && own == repo
            && at.as_ref() == revision
        {
            candidates.push((file, index));
        }
    }
    let files: Vec<&str> = candidates.iter().map(|(file, _)| file.as_str()).collect();
    let file = quant::select_file(&files, quant).ok()?;
    candidates.iter().find(|(own, _)| own == file).map(|(_, index)| *index)
}

fn open(candidate: Candidate) -> Result<FoundModel, ModelError> {
    let files = ModelFiles::open(&candidate.path)?;
    let shape = files.shape()?;
    let shards = u32::try_from(files.paths.len()).unwrap_or(u32::MAX);
    let file = ModelFile { name: candidate.name, path: candidate.path, digest: None, shape };
    Ok(FoundModel { cache: candidate.cache, size: files.size, shards, file })
}

#[cfg(test)]
mod tests;

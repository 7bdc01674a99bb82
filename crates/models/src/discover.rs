//! GGUF files that other tools have already downloaded, found and named where they lie.
//!
//! Invariants: nothing is copied, linked or changed; what cannot be read or is not a language
//! model is passed over, for a stranger's cache may hold anything; a file is listed once, also when
//! several names lead to it, and a model in shards is listed once with the size of all. No two have
//! one name, and none has a name of the store, nor one that could be taken for the catalog's: then
//! it is named with its tool before it (`ollama:qwen3:4b`) or with its revision.
//!
//! Does not do: knowing where the caches are (the caller fills [`CacheRoots`]), hashing.

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

/// Folders to look in; absent ones are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheRoots {
    /// `$HF_HOME/hub` (which `~/.cache/huggingface/hub` is by default).
    pub hugging_face: Vec<PathBuf>,
    /// `$OLLAMA_MODELS`, `~/.ollama/models`, `/usr/share/ollama/.ollama/models`.
    pub ollama: Vec<PathBuf>,
    /// `~/.lmstudio/models`, `~/.cache/lm-studio/models`.
    pub lm_studio: Vec<PathBuf>,
    /// `$LLAMA_CACHE`, `~/.cache/llama.cpp`.
    pub llama_cpp: Vec<PathBuf>,
}

/// The tool whose cache a file lies in.
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
    /// Whose cache.
    pub cache: Cache,
    /// Size of the file, of all its shards where it has several.
    pub size: Bytes,
    /// Files it consists of.
    pub shards: u32,
    /// The (first) file. Its name is the one its tool uses where that means nothing else:
    /// `hf:ORG/REPO/FILE`, Ollama's `model:tag`, else the file's stem. Its digest is `None`: it was
    /// not hashed.
    pub file: ModelFile,
}

/// Names and sources of the store, which no found model is named by.
pub type Taken = BTreeSet<String>;

/// Everything found, in the order Hugging Face, Ollama, LM Studio, llama.cpp, by name in each.
pub fn discover(roots: &CacheRoots, taken: &Taken) -> Vec<FoundModel> {
    let mut seen = BTreeSet::new();
    candidate::all(roots, taken)
        .into_iter()
        .filter_map(|candidate| {
            let found = examine(candidate).ok()?;
            let real = found.file.path.canonicalize().ok()?;
            seen.insert(real).then_some(found)
        })
        .collect()
}

/// The one that `name` means: as [`discover()`] names it, or with its tool before it; a
/// quantisation of a repository of which files were found.
///
/// # Errors
/// When its files cannot be used: a shard that is missing is named.
pub fn find(
    roots: &CacheRoots,
    taken: &Taken,
    name: &str,
) -> Result<Option<FoundModel>, ModelError> {
    let source = name.parse::<Source>().ok();
    let written = source.as_ref().map(Source::to_string);
    let mut all = candidate::all(roots, taken);
    let means = |known: &str| known == name || Some(known) == written.as_deref();
    let named = all.iter().position(|found| means(&found.name) || means(&found.qualified));
    let named = named.or_else(|| match &source {
        Some(Source::Quant { repo, revision, quant }) => {
            quantised(&all, repo, revision.as_ref(), quant.as_deref())
        }
        _ => None,
    });
    named.map(|index| examine(all.swap_remove(index))).transpose()
}

/// The place of the file of a repository that a quantisation names.
fn quantised(
    all: &[Candidate],
    repo: &str,
    revision: Option<&String>,
    quant: Option<&str>,
) -> Option<usize> {
    let mut held = Vec::new();
    for (index, candidate) in all.iter().enumerate() {
        let name = if revision.is_some() { &candidate.qualified } else { &candidate.name };
        if let Ok(Source::Hub { repo: own, revision: at, file }) = name.parse()
            && own == repo
            && at.as_ref() == revision
        {
            held.push((file, index));
        }
    }
    let files: Vec<&str> = held.iter().map(|(file, _)| file.as_str()).collect();
    let file = quant::pick(&files, quant).ok()?;
    held.iter().find(|(own, _)| own == file).map(|(_, index)| *index)
}

fn examine(candidate: Candidate) -> Result<FoundModel, ModelError> {
    let files = ModelFiles::open(&candidate.path)?;
    let shape = files.shape()?;
    let shards = u32::try_from(files.paths.len()).unwrap_or(u32::MAX);
    let file = ModelFile { name: candidate.name, path: candidate.path, digest: None, shape };
    Ok(FoundModel { cache: candidate.cache, size: files.size, shards, file })
}

#[cfg(test)]
mod tests;

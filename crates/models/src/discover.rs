//! GGUF files that other tools have already downloaded, found where they lie.
//!
//! Invariants: nothing is copied, linked or changed; what cannot be read or is not a language
//! model is passed over, for a stranger's cache may hold anything; a file is listed once, also when
//! several names lead to it, and a model in shards is listed once with the size of all.
//!
//! Does not do: knowing where the caches are (the caller fills [`CacheRoots`]), hashing.

mod ollama;
mod shards;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use harmonic_types::{Bytes, ModelFile};
use serde::Serialize;

use shards::Shards;

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
    /// The (first) file. Its name is the one its tool uses: `hf:ORG/REPO/FILE`, Ollama's
    /// `model:tag`, else the file's stem. Its digest is `None`: it was not hashed.
    pub file: ModelFile,
}

/// Everything found, in the order Hugging Face, Ollama, LM Studio, llama.cpp, by name in each.
pub fn discover(roots: &CacheRoots) -> Vec<FoundModel> {
    let mut candidates = Vec::new();
    for root in &roots.hugging_face {
        for path in gguf_files(root) {
            if let Some(name) = hub_name(root, &path) {
                candidates.push((Cache::HuggingFace, name, path));
            }
        }
    }
    for root in &roots.ollama {
        let models = ollama::models(root).into_iter();
        candidates.extend(models.map(|(name, path)| (Cache::Ollama, name, path)));
    }
    for (cache, roots) in [(Cache::LmStudio, &roots.lm_studio), (Cache::LlamaCpp, &roots.llama_cpp)]
    {
        for path in roots.iter().flat_map(|root| gguf_files(root)) {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            candidates.extend(name.map(|name| (cache, name, path)));
        }
    }
    candidates.sort();
    let mut seen = BTreeSet::new();
    candidates
        .into_iter()
        .filter_map(|(cache, name, path)| {
            let found = Shards::of(&path)?.examine(cache, name)?;
            let real = found.file.path.canonicalize().ok()?;
            seen.insert(real).then_some(found)
        })
        .collect()
}

/// Deeper than any of these caches nests, so that a link to a parent cannot go on for ever.
const MAX_DEPTH: u32 = 8;

/// All `*.gguf` under a folder, links followed.
fn gguf_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            match fs::metadata(&path) {
                Ok(about) if about.is_dir() && depth < MAX_DEPTH => {
                    folders.push((path, depth + 1));
                }
                Ok(about) if about.is_file() && is_gguf(&path) => found.push(path),
                _ => {}
            }
        }
    }
    found
}

fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"))
}

/// `models--ORG--REPO/snapshots/REVISION/FILE` → `hf:ORG/REPO/FILE`.
fn hub_name(root: &Path, path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root).ok()?;
    let mut parts = inside.iter().map(|part| part.to_string_lossy());
    let folder = parts.next()?;
    let (org, repo) = folder.strip_prefix("models--")?.split_once("--")?;
    (parts.next()? == "snapshots").then_some(())?;
    parts.next()?;
    let file: Vec<_> = parts.collect();
    (!file.is_empty()).then(|| format!("hf:{org}/{repo}/{}", file.join("/")))
}

#[cfg(test)]
mod tests;

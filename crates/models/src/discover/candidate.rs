//! Candidate files with their possible names, before any is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::catalog;
use crate::discover::{Cache, CacheRoots, ReservedNames, ollama};
use crate::name;
use crate::shards::ShardName;
use crate::source::Source;

/// Maximum depth, above that of all these caches, so that a link to a parent does not loop.
const MAX_DEPTH: u32 = 8;
/// Maximum entries visited in one cache, as a link may lead to the entire disk.
const MAX_ENTRIES: usize = 100_000;

/// A file, or the first of several shards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Cache of the file.
    pub(super) cache: Cache,
    /// Display name.
    pub(super) name: String,
    /// Unambiguous name.
    pub(super) qualified: String,
    /// Path of the file.
    pub(super) path: PathBuf,
    /// Whether its tool prefers it among files of the same name.
    preferred: bool,
}

/// All candidates, ordered by tool and name.
pub(super) fn all(roots: &CacheRoots, reserved: &ReservedNames) -> Vec<Candidate> {
    let mut found = Vec::new();
    for root in &roots.hugging_face {
        found.extend(gguf_files(root).into_iter().filter_map(|path| of_hub(root, path)));
    }
    for root in &roots.ollama {
        found.extend(ollama::models(root).into_iter().map(|(name, path)| {
            let qualified = Source::Cached { cache: Cache::Ollama, name: name.clone() };
            let (cache, qualified) = (Cache::Ollama, qualified.to_string());
            Candidate { cache, name, qualified, path, preferred: false }
        }));
    }
    for (cache, roots) in [(Cache::LmStudio, &roots.lm_studio), (Cache::LlamaCpp, &roots.llama_cpp)]
    {
        for root in roots {
            found
                .extend(gguf_files(root).into_iter().filter_map(|path| of_file(cache, root, path)));
        }
    }
    assign_names(&mut found, reserved);
    found.sort();
    found
}

/// Replaces the tool's name by the qualified one if it is ambiguous or reserved.
fn assign_names(found: &mut [Candidate], reserved: &ReservedNames) {
    let mut files_by_name: BTreeMap<String, BTreeSet<(bool, PathBuf)>> = BTreeMap::new();
    for candidate in found.iter() {
        let real = candidate.path.canonicalize().unwrap_or_else(|_| candidate.path.clone());
        files_by_name
            .entry(candidate.name.clone())
            .or_default()
            .insert((candidate.preferred, real));
    }
    for candidate in found {
        let name = &candidate.name;
        let files = files_by_name.get(name);
        let real: BTreeSet<_> = files.into_iter().flatten().map(|(_, path)| path).collect();
        let unique = real.len() < 2;
        let preferred = files.into_iter().flatten().filter(|(preferred, _)| *preferred).count();
        let unambiguous = unique || (candidate.preferred && preferred == 1);
        let free = !reserved.contains(name)
            && catalog::entry_of(name).is_none()
            && name::lookalike(name).is_none()
            && name.parse::<Source>().is_ok();
        if !(unambiguous && free) {
            candidate.name.clone_from(&candidate.qualified);
        }
    }
}

/// `models--ORG--REPO/snapshots/REVISION/FILE` → `hf:ORG/REPO/FILE`.
fn of_hub(root: &Path, path: PathBuf) -> Option<Candidate> {
    let inside = path.strip_prefix(root).ok()?;
    let mut parts = inside.iter().map(|part| part.to_string_lossy());
    let folder = parts.next()?;
    let (org, repo) = folder.strip_prefix("models--")?.split_once("--")?;
    (parts.next()? == "snapshots").then_some(())?;
    let revision = parts.next()?;
    let file: Vec<_> = parts.collect();
    (!file.is_empty() && is_first(file.last()?)).then_some(())?;
    let file = file.join("/");
    let main = first_line(&root.join(&*folder).join("refs/main"));
    Some(Candidate {
        cache: Cache::HuggingFace,
        name: format!("hf:{org}/{repo}/{file}"),
        qualified: format!("hf:{org}/{repo}@{revision}/{file}"),
        preferred: main.is_some_and(|main| main == revision),
        path,
    })
}

/// A candidate with the file name as name, and the path below the root as qualified name.
fn of_file(cache: Cache, root: &Path, path: PathBuf) -> Option<Candidate> {
    let file = path.file_name()?.to_string_lossy().into_owned();
    is_first(&file).then_some(())?;
    let name = ShardName::of(&file).filter(|shard| shard.count > 1).map_or_else(
        || path.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
        |shard| Some(shard.base.to_owned()),
    )?;
    let inside = path.strip_prefix(root).ok()?.to_string_lossy().into_owned();
    let qualified = Source::Cached { cache, name: inside }.to_string();
    Some(Candidate { cache, name, qualified, path, preferred: false })
}

/// Whether a file is not a further shard; those are found by the name of the first.
fn is_first(file: &str) -> bool {
    ShardName::of(file).is_none_or(|shard| shard.index == 1)
}

/// The first line of a file that contains a commit.
fn first_line(path: &Path) -> Option<String> {
    let mut text = String::new();
    let is_file = fs::metadata(path).is_ok_and(|about| about.is_file());
    is_file.then_some(())?;
    fs::File::open(path).ok()?.take(200).read_to_string(&mut text).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// All `*.gguf` below a folder, following links.
fn gguf_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    let mut visited = 0;
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            visited += 1;
            if visited > MAX_ENTRIES {
                return found;
            }
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

//! Files that may be models, with the names by which they can be meant. None has been read yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::catalog;
use crate::discover::{Cache, CacheRoots, Taken, ollama};
use crate::name;
use crate::shards::ShardName;
use crate::source::Source;

/// Deeper than any of these caches nests, so that a link to a parent cannot go on for ever.
const MAX_DEPTH: u32 = 8;
/// Entries of one cache that are looked at: a link may lead to all of the disk.
const MAX_ENTRIES: usize = 100_000;

/// One file, of several shards the first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Whose cache it lies in.
    pub(super) cache: Cache,
    /// The name that means it here.
    pub(super) name: String,
    /// A name that means it in any case.
    pub(super) qualified: String,
    /// Where it lies.
    pub(super) path: PathBuf,
    /// Among those that its tool calls the same, the one that it means.
    preferred: bool,
}

/// All, in the order of the tools, by name in each.
pub(super) fn all(roots: &CacheRoots, taken: &Taken) -> Vec<Candidate> {
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
    name_each(&mut found, taken);
    found.sort();
    found
}

/// Lets each keep the name that its tool has for it, unless that means something else.
fn name_each(found: &mut [Candidate], taken: &Taken) {
    let mut called: BTreeMap<String, BTreeSet<(bool, PathBuf)>> = BTreeMap::new();
    for candidate in found.iter() {
        let real = candidate.path.canonicalize().unwrap_or_else(|_| candidate.path.clone());
        called.entry(candidate.name.clone()).or_default().insert((candidate.preferred, real));
    }
    for candidate in found {
        let name = &candidate.name;
        let files = called.get(name);
        let real: BTreeSet<_> = files.into_iter().flatten().map(|(_, path)| path).collect();
        let one = real.len() < 2;
        let preferred = files.into_iter().flatten().filter(|(preferred, _)| *preferred).count();
        let meant = one || (candidate.preferred && preferred == 1);
        let free = !taken.contains(name)
            && catalog::owner(name).is_none()
            && name::resembled(name).is_none()
            && name.parse::<Source>().is_ok();
        if !(meant && free) {
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

/// Named by the file; the whole path below the root means it in any case.
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

/// The other shards are found by the name of the first.
fn is_first(file: &str) -> bool {
    ShardName::of(file).is_none_or(|shard| shard.index == 1)
}

/// Of a file that has a commit's name in it.
fn first_line(path: &Path) -> Option<String> {
    let mut text = String::new();
    let is_file = fs::metadata(path).is_ok_and(|about| about.is_file());
    is_file.then_some(())?;
    fs::File::open(path).ok()?.take(200).read_to_string(&mut text).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// All `*.gguf` under a folder, links followed.
fn gguf_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    let mut looked_at = 0;
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            looked_at += 1;
            if looked_at > MAX_ENTRIES {
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

//! Caches of other tools, as those tools lay them out.

use std::fs;
use std::path::Path;

use harmonic_types::Bytes;

use crate::discover::{Cache, CacheRoots, discover};
use crate::gguf::TensorType;
use crate::gguf::synthetic::Gguf;

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

fn names(roots: &CacheRoots) -> Vec<(Cache, String)> {
    discover(roots).into_iter().map(|found| (found.cache, found.file.name)).collect()
}

#[cfg(unix)]
#[test]
fn hugging_face_snapshots_are_links_to_blobs() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = folder.path().join("hub");
    let repo = hub.join("models--Qwen--Qwen3-4B-GGUF");
    write(&repo.join("blobs/abc"), &Gguf::tiny().bytes());
    for revision in ["r1", "r2"] {
        fs::create_dir_all(repo.join("snapshots").join(revision)).expect("made");
        let link = repo.join("snapshots").join(revision).join("Qwen3-4B-Q4_K_M.gguf");
        std::os::unix::fs::symlink("../../blobs/abc", link).expect("linked");
    }
    // A link to a file that was never completed.
    let broken = repo.join("snapshots/r1/other.gguf");
    std::os::unix::fs::symlink("../../blobs/missing", broken).expect("linked");
    let roots = CacheRoots { hugging_face: vec![hub], ..CacheRoots::default() };
    let expected = (Cache::HuggingFace, "hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf".to_owned());
    assert_eq!(names(&roots), [expected], "two revisions of one file are one model");
}

#[test]
fn ollama_manifests_lead_to_blobs() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let hex = "ab".repeat(32);
    write(&root.join(format!("blobs/sha256-{hex}")), &Gguf::tiny().bytes());
    let manifest = |digest: &str| {
        format!(
            r#"{{"schemaVersion":2,"layers":[
                {{"mediaType":"application/vnd.ollama.image.license","digest":"sha256:00","size":1}},
                {{"mediaType":"application/vnd.ollama.image.model","digest":"{digest}","size":9}}]}}"#
        )
    };
    let manifests = root.join("manifests/registry.ollama.ai");
    let good = manifest(&format!("sha256:{hex}"));
    write(&manifests.join("library/qwen3/4b"), good.as_bytes());
    write(&manifests.join("library/gone/latest"), manifest("sha256:11").as_bytes());
    write(&manifests.join("library/bad/latest"), b"not json");
    write(&manifests.join("library/out/latest"), manifest("sha256:../../x").as_bytes());
    let roots = CacheRoots { ollama: vec![root.to_owned()], ..CacheRoots::default() };
    assert_eq!(names(&roots), [(Cache::Ollama, "qwen3:4b".to_owned())]);

    write(&manifests.join("someone/theirs/v1"), good.as_bytes());
    assert_eq!(names(&roots).len(), 1, "one file is listed once");
}

#[test]
fn shards_are_one_model_of_their_joint_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Gguf::tiny().bytes();
    let second = Gguf::new("llama").matrix("blk.1.x", &[32, 4], TensorType::F16).bytes();
    let path = |name: &str| folder.path().join("publisher/repo").join(name);
    write(&path("big-00001-of-00002.gguf"), &first);
    write(&path("big-00002-of-00002.gguf"), &second);
    write(&path("half-00001-of-00002.gguf"), &first);
    let roots = CacheRoots { lm_studio: vec![folder.path().to_owned()], ..CacheRoots::default() };
    let found = discover(&roots);
    assert_eq!(found.len(), 1, "the one with a missing shard is passed over");
    let model = &found[0];
    assert_eq!((model.file.name.as_str(), model.shards), ("big", 2));
    assert_eq!(model.size, Bytes((first.len() + second.len()) as u64));
    assert_eq!(model.file.shape.parameters, 32 * 16 * 2 + 32 + 128);
    assert_eq!(model.file.digest, None);
}

#[test]
fn what_is_no_model_is_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    write(&path("good.gguf"), &Gguf::tiny().bytes());
    write(&path("cut.gguf"), &Gguf::tiny().bytes()[..100]);
    write(&path("empty.gguf"), b"");
    write(&path("text.gguf"), b"hello");
    write(&path("vision.gguf"), &Gguf::new("clip").bytes());
    write(&path("other.bin"), &Gguf::tiny().bytes());
    let absent = path("absent");
    let roots =
        CacheRoots { llama_cpp: vec![folder.path().to_owned(), absent], ..CacheRoots::default() };
    assert_eq!(names(&roots), [(Cache::LlamaCpp, "good".to_owned())]);
}

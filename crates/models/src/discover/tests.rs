//! Caches in the layouts of other tools.

use std::fs;
use std::path::Path;

use harmonic_types::Bytes;

use crate::discover::{Cache, CacheRoots, FoundModel, ReservedNames, find};
use crate::gguf::synthetic::GgufBuilder;
use crate::shards::tests::set;

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

fn discover(roots: &CacheRoots) -> Vec<FoundModel> {
    let all = crate::discover::discover(roots, &ReservedNames::new());
    for found in &all {
        let named = find(roots, &ReservedNames::new(), &found.file.name).expect("looked up");
        assert_eq!(named.as_ref(), Some(found), "found by its displayed name");
    }
    all
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
    write(&repo.join("blobs/abc"), &GgufBuilder::tiny().bytes());
    for revision in ["r1", "r2"] {
        fs::create_dir_all(repo.join("snapshots").join(revision)).expect("made");
        let link = repo.join("snapshots").join(revision).join("Qwen3-4B-Q4_K_M.gguf");
        std::os::unix::fs::symlink("../../blobs/abc", link).expect("linked");
    }
    // A link to an incomplete file.
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
    write(&root.join(format!("blobs/sha256-{hex}")), &GgufBuilder::tiny().bytes());
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
    let expected = (Cache::Ollama, "ollama:qwen3:4b".to_owned());
    assert_eq!(names(&roots), [expected], "the plain name is the catalog's");

    write(&manifests.join("someone/theirs/v1"), good.as_bytes());
    assert_eq!(names(&roots).len(), 1, "one file is listed once");
}

#[test]
fn shards_are_one_model_of_their_joint_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = set(&[4]);
    let (first, second) = (&files[0], &files[1]);
    let path = |name: &str| folder.path().join("publisher/repo").join(name);
    write(&path("big-00001-of-00002.gguf"), first);
    write(&path("big-00002-of-00002.gguf"), second);
    write(&path("half-00001-of-00002.gguf"), first);
    let roots = CacheRoots { lm_studio: vec![folder.path().to_owned()], ..CacheRoots::default() };
    let found = discover(&roots);
    assert_eq!(found.len(), 1, "the one with a missing shard is ignored");
    let model = &found[0];
    assert_eq!((model.file.name.as_str(), model.shards), ("big", 2));
    assert_eq!(model.size, Bytes((first.len() + second.len()) as u64));
    assert_eq!(model.file.shape.parameters, 32 * 16 * 2 + 32 + 128);
    assert_eq!(model.file.digest, None);
    let error = find(&roots, &ReservedNames::new(), "half").expect_err("not all there").to_string();
    assert!(error.contains("half-00002-of-00002.gguf"), "{error}");
}

#[test]
fn ambiguous_names_are_prefixed_with_their_tool() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let different = |text: &str| GgufBuilder::tiny().text("general.name", text).bytes();
    write(&path("one/same.gguf"), &different("1"));
    write(&path("two/same.gguf"), &different("2"));
    write(&path("three/smollm2:135m.gguf"), &different("3"));
    write(&path("three/SmolLM2-135M.gguf"), &different("4"));
    write(&path("three/stored.gguf"), &different("5"));
    let roots = CacheRoots { llama_cpp: vec![folder.path().to_owned()], ..CacheRoots::default() };
    let reserved = ReservedNames::from(["stored".to_owned()]);
    let all = crate::discover::discover(&roots, &reserved);
    let names: Vec<_> = all.iter().map(|found| found.file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "llama.cpp:one/same.gguf",
            "llama.cpp:three/SmolLM2-135M.gguf",
            "llama.cpp:three/smollm2:135m.gguf",
            "llama.cpp:three/stored.gguf",
            "llama.cpp:two/same.gguf"
        ]
    );
    for found in &all {
        let same = find(&roots, &reserved, &found.file.name).expect("looked up");
        assert_eq!(same.as_ref(), Some(found));
    }
    for other in ["smollm2:135m", "SmolLM2-135M", "same", "stored"] {
        assert_eq!(find(&roots, &reserved, other).expect("looked up"), None, "{other}");
    }
}

#[cfg(unix)]
#[test]
fn revisions_and_quantisations_of_the_hubs_cache_are_distinguished() {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = folder.path().join("hub");
    let repo = hub.join("models--org--repo");
    for (revision, text) in [("aaa", "old"), ("bbb", "new")] {
        let bytes = GgufBuilder::tiny().text("general.name", text).bytes();
        write(&repo.join("snapshots").join(revision).join("m-Q4_K_M.gguf"), &bytes);
    }
    write(&repo.join("refs/main"), b"bbb");
    for (index, bytes) in set(&[4]).iter().enumerate() {
        let name = format!("snapshots/bbb/Q8_0/m-Q8_0-{:05}-of-00002.gguf", index + 1);
        write(&repo.join(name), bytes);
    }
    let roots = CacheRoots { hugging_face: vec![hub], ..CacheRoots::default() };
    let all: Vec<_> = names(&roots).into_iter().map(|(_, name)| name).collect();
    let split = "hf:org/repo/Q8_0/m-Q8_0-00001-of-00002.gguf";
    assert_eq!(all, [split, "hf:org/repo/m-Q4_K_M.gguf", "hf:org/repo@aaa/m-Q4_K_M.gguf"]);
    for (given, revision) in [
        ("hf:org/repo:Q4_K_M", "bbb"),
        ("hf:org/repo@aaa:Q4_K_M", "aaa"),
        ("hf.co/org/repo:q8_0", "bbb"),
        ("https://huggingface.co/org/repo/blob/main/m-Q4_K_M.gguf", "bbb"),
        ("hf:org/repo@bbb/m-Q4_K_M.gguf", "bbb"),
        ("hf:org/repo", "bbb"),
    ] {
        let found = find(&roots, &ReservedNames::new(), given).expect("looked up").expect(given);
        let place = found.file.path.display().to_string();
        assert!(place.contains(&format!("snapshots/{revision}/")), "{given}: {place}");
    }
    assert_eq!(find(&roots, &ReservedNames::new(), "hf:org/repo:Q2_K").expect("looked up"), None);
}

#[test]
fn files_that_are_not_models_are_ignored() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    write(&path("good.gguf"), &GgufBuilder::tiny().bytes());
    write(&path("cut.gguf"), &GgufBuilder::tiny().bytes()[..100]);
    write(&path("empty.gguf"), b"");
    write(&path("text.gguf"), b"hello");
    write(&path("vision.gguf"), &GgufBuilder::new("clip").bytes());
    write(&path("other.bin"), &GgufBuilder::tiny().bytes());
    let absent = path("absent");
    let roots =
        CacheRoots { llama_cpp: vec![folder.path().to_owned(), absent], ..CacheRoots::default() };
    assert_eq!(names(&roots), [(Cache::LlamaCpp, "good".to_owned())]);
}

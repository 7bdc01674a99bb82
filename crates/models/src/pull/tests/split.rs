//! Models in several files, and quantisations of a repository, from the hub and from this machine.

use axum::http::header::RANGE;

use super::fixture::{Fixture, Hub, RunningHub, digest, listed, source};
use crate::error::ModelError;
use crate::gguf::synthetic::GgufBuilder;
use crate::shards::tests::{set, write};
use crate::source::Source;

const FIRST: &str = "hf:org/repo/Q4_K_M/big-Q4_K_M-00001-of-00003.gguf";

/// A repository with a split model among others.
async fn repository(files: &[Vec<u8>]) -> (RunningHub, Fixture) {
    let mut held = vec![
        ("README.md".to_owned(), b"a model".to_vec()),
        ("mmproj-Q4_K_M.gguf".to_owned(), GgufBuilder::new("clip").bytes()),
        ("big-Q8_0.gguf".to_owned(), GgufBuilder::tiny().text("general.name", "other").bytes()),
    ];
    held.extend(files.iter().enumerate().map(|(index, bytes)| {
        let name = format!("Q4_K_M/big-Q4_K_M-{:05}-of-{:05}.gguf", index + 1, files.len());
        (name, bytes.clone())
    }));
    let hub = Hub { files: held, ..Hub::serving(Vec::new(), &[]) }.start().await;
    let fixture = Fixture::with_hub(&hub);
    (hub, fixture)
}

#[tokio::test]
async fn all_shards_are_downloaded_verified_and_form_one_model() {
    let files = set(&[400, 800]);
    let (hub, fixture) = repository(&files).await;
    let file = fixture.pull(&source(FIRST)).await.expect("pulled");
    assert_eq!(file.name, "big-Q4_K_M");
    let names = fixture.files("blobs");
    assert_eq!(names.len(), 3);
    assert!(names[0].ends_with("-00001-of-00003.gguf") && file.path.ends_with(&names[0]));
    for (name, bytes) in names.iter().zip(&files) {
        let held = std::fs::read(fixture.store.root().join("blobs").join(name)).expect("read");
        assert_eq!(&held, bytes);
    }
    let stored = fixture.store.show(FIRST).expect("looked up").expect("by its source");
    let digests: Vec<_> = stored.record.shards.iter().map(|shard| shard.digest.clone()).collect();
    assert_eq!(digests, files.iter().map(|bytes| digest(bytes)).collect::<Vec<_>>());
    let size: usize = files.iter().map(Vec::len).sum();
    assert_eq!(stored.record.size.0, size as u64);
    assert!(stored.file.shape.weights_bytes.0 > 2 * 32 * 1200);
    for name in ["big-Q4_K_M", "big-Q4_K_M-00001-of-00003"] {
        assert_eq!(fixture.store.find(name).expect("looked up").expect(name).path, file.path);
    }
    assert_eq!(fixture.files("partial"), [""; 0]);
    let gets = hub.gets(&RANGE).len();
    fixture.pull(&source(FIRST)).await.expect("here");
    assert_eq!(hub.gets(&RANGE).len(), gets);

    assert_eq!(fixture.store.remove("big-Q4_K_M").expect("removed").freed.0, size as u64);
    fixture.assert_nothing_final();
}

#[tokio::test]
async fn a_quantisation_is_looked_up_once_and_found_without_the_hub() {
    let (hub, mut fixture) = repository(&set(&[4])).await;
    for (given, name) in [
        ("hf:org/repo:q4_k_m", "big-Q4_K_M"),
        ("hf.co/org/repo:Q8_0", "big-Q8_0"),
        ("https://huggingface.co/org/repo/blob/main/big-Q8_0.gguf", "big-Q8_0"),
        ("hf:org/repo", "big-Q4_K_M"),
    ] {
        assert_eq!(fixture.pull(&source(given)).await.expect(given).name, name, "{given}");
    }
    drop(hub);
    fixture.options.hub_endpoint = "http://127.0.0.1:1".to_owned();
    let file = "hf:org/repo/big-Q8_0.gguf";
    for given in ["hf:org/repo:Q4_K_M", "hf.co/org/repo:Q8_0", "hf:org/repo", file] {
        assert!(fixture.store.find(given).expect("looked up").is_some(), "{given}");
        fixture.pull(&source(given)).await.expect("here");
    }
    assert_eq!(fixture.store.find("hf:org/repo:Q5_K_M").expect("looked up"), None);
    assert_eq!(fixture.store.find("hf:org/other:Q8_0").expect("looked up"), None);
}

#[tokio::test]
async fn missing_files_of_the_hub_are_named() {
    let (_hub, fixture) = repository(&set(&[4])).await;
    let error = fixture.pull(&source("hf:org/repo:Q5_K_M")).await.expect_err("none");
    insta::assert_snapshot!(error, @"cannot download hf:org/repo:Q5_K_M: unknown quantisation `Q5_K_M`: expected one of Q4_K_M, Q8_0");
    let error = fixture.pull(&source("hf:org/repo/x.gguf")).await.expect_err("none").to_string();
    assert!(error.contains("no such file (404)"), "{error}");

    let mut files = set(&[4, 8]);
    files.truncate(2);
    let (_hub, fixture) = repository(&files).await;
    let given = "hf:org/repo/Q4_K_M/big-Q4_K_M-00001-of-00003.gguf";
    let error = fixture.pull(&source(given)).await.expect_err("a shard is missing").to_string();
    assert!(error.contains("big-Q4_K_M-00001-of-00003.gguf: the hub has no such file"), "{error}");
    let given = "hf:org/repo/Q4_K_M/big-Q4_K_M-00002-of-00002.gguf";
    let error = fixture.pull(&source(given)).await.expect_err("not the first").to_string();
    assert!(error.contains("expected the first one"), "{error}");
    // Two files that state a count of three.
    let given = "hf:org/repo/Q4_K_M/big-Q4_K_M-00001-of-00002.gguf";
    let error = fixture.pull(&source(given)).await.expect_err("of another set");
    assert!(matches!(&error, ModelError::Shards { path, .. } if path == given), "{error}");
    fixture.assert_nothing_final();
    assert!(!fixture.files("partial").iter().any(|name| name.contains("part")));
}

#[tokio::test]
async fn shards_of_this_machine_are_linked_and_a_missing_one_is_named() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path().join("here");
    let first = write(&folder, "mine", &set(&[4, 8]));
    let file = fixture.pull(&Source::Path(first.clone())).await.expect("pulled");
    assert_eq!(file.name, "mine");
    assert!(fixture.progress.notes()[0].contains("linked into the store"));
    std::fs::remove_dir_all(&folder).expect("removed");
    assert!(fixture.store.find("mine").expect("looked up").is_some(), "kept without the originals");

    let first = write(&folder, "half", &set(&[4, 8]));
    let lost = folder.join("half-00003-of-00003.gguf");
    std::fs::remove_file(&lost).expect("removed");
    let error = fixture.pull(&Source::Path(first)).await.expect_err("missing").to_string();
    assert!(error.contains(&lost.display().to_string()), "{error}");
    assert_eq!(listed(&fixture.store.root().join("partial")), [""; 0]);
}

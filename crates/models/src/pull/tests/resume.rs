//! Interrupted and concurrent pulls.

use std::time::Duration;

use axum::http::header::{IF_RANGE, RANGE};

use super::fixture::{Fixture, Hub, HubBehaviour, ProgressCall, digest, hub_file, model};
use crate::error::ModelError;

#[tokio::test]
async fn the_next_pull_resumes() {
    let hub = Hub::serving(model(), &[HubBehaviour::Break(100_000)]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let error = fixture.pull(&hub_file()).await.expect_err("broken").to_string();
    assert!(error.ends_with("the partial file is kept, pull again to resume"), "{error}");
    fixture.assert_nothing_final();

    let file = fixture.pull(&hub_file()).await.expect("resumed");
    assert_eq!(file.digest, Some(digest(&model())));
    let etag = format!("\"{}\"", &digest(&model())[..16]);
    assert_eq!(hub.gets(&RANGE), [None, Some("bytes=100000-".to_owned())]);
    assert_eq!(hub.gets(&IF_RANGE), [None, Some(etag)]);
}

#[tokio::test]
async fn one_pull_survives_several_interruptions() {
    let breaks =
        [HubBehaviour::Break(90_000), HubBehaviour::Break(80_000), HubBehaviour::Status(503)];
    let hub = Hub::serving(model(), &breaks).start().await;
    let mut fixture = Fixture::with_hub(&hub);
    fixture.options.retries = 1;
    let file = fixture.pull(&hub_file()).await.expect("pulled");
    assert_eq!(file.digest, Some(digest(&model())));
    let ranges = [None, Some("bytes=90000-"), Some("bytes=170000-"), Some("bytes=170000-")];
    assert_eq!(hub.gets(&RANGE), ranges.map(|range| range.map(str::to_owned)));
    assert_eq!(fixture.progress.notes().len(), 3);
}

#[tokio::test]
async fn a_changed_file_is_not_resumed() {
    let hub = Hub::serving(model(), &[HubBehaviour::Break(100_000)]);
    let hub = Hub { linked: None, ..hub }.start().await;
    let fixture = Fixture::with_hub(&hub);
    fixture.pull(&hub_file()).await.expect_err("broken");
    let mut newer = model();
    newer[200_000] ^= 1;
    *hub.hub.bytes.lock().expect("not poisoned") = newer.clone();
    let file = fixture.pull(&hub_file()).await.expect("pulled");
    assert_eq!(std::fs::read(file.path).expect("read"), newer);
}

#[tokio::test]
async fn a_hub_that_ignores_ranges_is_read_from_the_start() {
    let hub =
        Hub::serving(model(), &[HubBehaviour::Break(100_000), HubBehaviour::Unsized]).start().await;
    let fixture = Fixture::with_hub(&hub);
    fixture.pull(&hub_file()).await.expect_err("broken");
    let file = fixture.pull(&hub_file()).await.expect("pulled");
    assert_eq!(std::fs::read(file.path).expect("read"), model());
}

#[tokio::test]
async fn a_concurrent_pull_names_the_process_with_the_lock() {
    let hub = Hub::serving(model(), &[HubBehaviour::Stall(50_000)]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let source = hub_file();
    let first = crate::pull(&fixture.store, &source, &fixture.options, &fixture.progress);
    tokio::pin!(first);
    tokio::select! {
        result = &mut first => panic!("must still run: {result:?}"),
        () = until_bytes_arrive(&fixture) => {}
    }
    match fixture.pull(&hub_file()).await.expect_err("locked") {
        ModelError::Locked { holder, .. } => {
            assert_eq!(holder, format!("process {}", std::process::id()));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_dropped_pull_can_be_resumed() {
    let hub = Hub::serving(model(), &[HubBehaviour::Stall(150_000)]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let source = hub_file();
    tokio::select! {
        result = fixture.pull(&source) => panic!("must still run: {result:?}"),
        () = until_bytes_arrive(&fixture) => {}
    }
    fixture.assert_nothing_final();
    fixture.pull(&source).await.expect("resumed");
    let ranges = hub.gets(&RANGE);
    assert!(ranges[1].as_ref().is_some_and(|range| range.starts_with("bytes=")), "{ranges:?}");
}

/// Waits until the first bytes have been reported.
async fn until_bytes_arrive(fixture: &Fixture) {
    let arrived = |seen: &ProgressCall| matches!(seen, ProgressCall::Advance(done) if *done > 0);
    while !fixture.progress.events().iter().any(arrived) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

//! What a pull would transfer, asked beforehand.

use harmonic_types::Bytes;

use super::fixture::{Fixture, Hub, HubBehaviour, hub_file, model, source};
use crate::pull::preview::{MAX_SAMPLE, measure_rate, partial_bytes, stated_size};

#[tokio::test]
async fn a_hub_states_the_size_and_shows_its_rate_and_nothing_is_written() {
    let bytes = vec![7_u8; 2_000_000];
    let hub = Hub::serving(bytes, &[]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let (store, options) = (&fixture.store, &fixture.options);
    let size = stated_size(store, &hub_file(), options).await.expect("an answer");
    assert_eq!(size, Some(Bytes(2_000_000)));
    let rate = measure_rate(store, &hub_file(), options).await.expect("an answer");
    let rate = rate.expect("enough bytes");
    assert!(rate.rate.0 > 0.0 && rate.rate.0.is_finite(), "{rate:?}");
    assert!(rate.bytes <= Bytes(2_000_000), "{rate:?}");
    assert!(!store.root().exists());
}

#[tokio::test]
async fn no_more_than_the_sample_is_read() {
    let larger = usize::try_from(MAX_SAMPLE.0).expect("small") * 2;
    let hub = Hub::serving(vec![7; larger], &[HubBehaviour::Unsized]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let rate = measure_rate(&fixture.store, &hub_file(), &fixture.options).await;
    let rate = rate.expect("an answer").expect("enough bytes");
    // The last chunk may exceed it.
    assert!(rate.bytes < Bytes(MAX_SAMPLE.0 * 3 / 2), "{rate:?}");
}

#[tokio::test]
async fn a_source_that_sends_nothing_has_no_rate_and_one_that_is_absent_has_a_reason() {
    let hub = Hub::serving(vec![7; 1000], &[]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let (store, options) = (&fixture.store, &fixture.options);
    assert_eq!(measure_rate(store, &hub_file(), options).await.expect("an answer"), None);
    // Only pip knows where a wheel comes from.
    let wheel = source("wheel:some==1/some/file.gguf");
    assert_eq!(stated_size(store, &wheel, options).await.expect("an answer"), None);
    assert_eq!(measure_rate(store, &wheel, options).await.expect("an answer"), None);
    let nowhere = Fixture::new();
    let refused = measure_rate(&nowhere.store, &hub_file(), &nowhere.options).await;
    assert!(refused.expect_err("no hub").to_string().contains("cannot be reached"));
    let gone = Hub::serving(model(), &[HubBehaviour::Status(404)]).start().await;
    let fixture = Fixture::with_hub(&gone);
    let refused = measure_rate(&fixture.store, &hub_file(), &fixture.options).await;
    assert!(refused.expect_err("no file").to_string().contains("404"));
}

#[tokio::test]
async fn what_an_interrupted_pull_left_is_counted() {
    let hub = Hub::serving(model(), &[HubBehaviour::Break(100_000)]).start().await;
    let fixture = Fixture::with_hub(&hub);
    assert_eq!(partial_bytes(&fixture.store, &hub_file()), Bytes::ZERO);
    fixture.pull(&hub_file()).await.expect_err("it breaks off");
    let left = partial_bytes(&fixture.store, &hub_file());
    assert!(left > Bytes::ZERO && left <= Bytes(100_000), "{left}");
    fixture.pull(&hub_file()).await.expect("resumed");
    assert_eq!(partial_bytes(&fixture.store, &hub_file()), Bytes::ZERO);
}

//! Comparison of KV cache layouts.

use harmonic_tune::{TrialError, TuneError};
use harmonic_types::{KvLayout, LocalSpec, TuneAxis};

use crate::fixture::Fixture;

#[tokio::test]
async fn the_faster_layout_is_kept_and_is_the_one_in_use_from_then_on() {
    let fixture = Fixture::new();
    let unified_is_faster = |local: &LocalSpec, turn: u32| {
        let noise = f64::from(turn % 3);
        Ok(noise + if local.kv_layout == KvLayout::Unified { 200.0 } else { 100.0 })
    };
    let kept = fixture.compare(TuneAxis::Layouts, unified_is_faster).await.unwrap();
    assert_eq!((kept.kv_layout, kept.parallel), (Some(KvLayout::Unified), 8));
    let stored = fixture.stored();
    assert_eq!((stored.len(), &stored[0].key, stored[0].kv_layout), (1, &kept.key, kept.kv_layout));
    let comparison = &kept.comparisons[0];
    assert_eq!(comparison.candidates[comparison.present].kv_layout, KvLayout::Streams);

    let again = fixture.compare(TuneAxis::Layouts, unified_is_faster).await.unwrap();
    let comparison = &again.comparisons[0];
    assert_eq!(again.comparisons.len(), 1, "the earlier one is replaced");
    assert_eq!(comparison.candidates[comparison.present].kv_layout, KvLayout::Unified);
    assert_eq!(comparison.chosen, comparison.present);
}

#[tokio::test]
async fn every_round_begins_with_another_candidate() {
    let fixture = Fixture::new();
    fixture.compare(TuneAxis::Layouts, |_, _| Ok(100.0)).await.unwrap();
    let events = fixture.events.0.into_inner().unwrap();
    let order = [
        "1: Streams 100",
        "1: Unified 100",
        "2: Unified 100",
        "2: Streams 100",
        "3: Streams 100",
        "3: Unified 100",
    ];
    assert_eq!(events, order);
}

#[tokio::test]
async fn what_fails_has_a_reason_and_no_further_turn() {
    let fixture = Fixture::new();
    let streams_fail = |local: &LocalSpec, _: u32| match local.kv_layout {
        KvLayout::Streams => Err(TrialError::Failed("no memory".to_owned())),
        KvLayout::Unified => Ok(100.0),
    };
    let kept = fixture.compare(TuneAxis::Layouts, streams_fail).await.unwrap();
    assert_eq!(kept.kv_layout, Some(KvLayout::Unified), "any other may take its place");
    let failed = &kept.comparisons[0].candidates[0];
    assert_eq!((failed.reason.as_deref(), failed.tok_s), (Some("no memory"), None));
    let events = fixture.events.0.into_inner().unwrap();
    assert_eq!(events.iter().filter(|line| line.contains("Streams")).count(), 1, "{events:?}");
}

#[tokio::test]
async fn where_nothing_runs_nothing_is_stored_and_the_reasons_are_told() {
    let fixture = Fixture::new();
    let error = fixture
        .compare(TuneAxis::Layouts, |_, _| Err(TrialError::Failed("broken".to_owned())))
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "no setting of smollm2:135m could be measured");
    assert_eq!(error.hint().as_deref(), Some("broken; broken"));
    assert_eq!(fixture.stored(), []);
}

#[tokio::test]
async fn a_stopped_comparison_keeps_nothing() {
    let fixture = Fixture::new();
    let stopped =
        |_: &LocalSpec, turn: u32| if turn < 3 { Ok(100.0) } else { Err(TrialError::Stopped) };
    let error = fixture.compare(TuneAxis::Layouts, stopped).await.unwrap_err();
    assert!(matches!(error, TuneError::Stopped), "{error}");
    assert_eq!(fixture.stored(), []);
}

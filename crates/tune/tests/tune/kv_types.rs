//! Comparison of a quantised KV cache with a plain one.

use harmonic_tune::TuneError;
use harmonic_types::{KvType, LocalSpec, TuneAxis};

use crate::fixture::Fixture;

fn with_a_file() -> Fixture {
    let mut fixture = Fixture::new();
    for model in fixture.models.values_mut() {
        model.path = Some("/models/starter.gguf".into());
    }
    fixture
}

#[tokio::test]
async fn the_price_is_kept_and_the_plain_cache_stays() {
    let fixture = with_a_file();
    let quantised_is_faster = |local: &LocalSpec, turn: u32| {
        let noise = f64::from(turn % 3);
        Ok(noise + if local.kv_type == KvType::Q8_0 { 150.0 } else { 100.0 })
    };
    let kept = fixture.compare(TuneAxis::KvTypes, quantised_is_faster).await.unwrap();
    let price = kept.quantised_kv.unwrap();
    assert!((price.divergence.nats_per_token - 0.0004).abs() < 1e-12);
    assert!(price.speed.is_some_and(|speed| speed > 1.4 && speed < 1.6), "{price:?}");
    let comparison = &kept.comparisons[0];
    let types: Vec<KvType> = comparison.candidates.iter().map(|entry| entry.kv_type).collect();
    assert_eq!(types, [KvType::F16, KvType::Q8_0]);
    assert_eq!((comparison.present, comparison.chosen), (0, 0), "not for its speed");
    assert_eq!(fixture.stored()[0].quantised_kv, Some(price));
}

#[tokio::test]
async fn a_model_without_a_file_is_named() {
    let fixture = Fixture::new();
    let error = fixture.compare(TuneAxis::KvTypes, |_, _| Ok(1.0)).await.unwrap_err();
    assert!(matches!(error, TuneError::KvDivergence { .. }), "{error}");
    assert!(error.to_string().contains("smollm2:135m"), "{error}");
    assert!(fixture.stored().is_empty());
}

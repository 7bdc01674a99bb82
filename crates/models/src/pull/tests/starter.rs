//! Conversion, at pull and separately, with a fake quantizer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use harmonic_types::{Divergence, KvType, ModelFile};

use super::fixture::{Fixture, Hub, RunningHub, digest, model};
use super::sources::{NAME, entry};
use crate::convert::{Quantizer, convert};
use crate::divergence::{DivergenceMeter, conversion_divergence};
use crate::error::ModelError;
use crate::format::WeightFormat;
use crate::gguf::TensorType;
use crate::gguf::synthetic::GgufBuilder;
use crate::pull::{ConvertAtPull, pull_entry};

/// A quantizer that writes the tiny model with matrices of one type, for any format.
struct FixedQuantizer(TensorType, AtomicU32);

impl Quantizer for FixedQuantizer {
    fn quantize(&self, input: &Path, output: &Path, _: WeightFormat) -> Result<(), String> {
        assert!(input.exists());
        self.1.fetch_add(1, Ordering::Relaxed);
        let file = GgufBuilder::skeleton("llama", 2).matrix("token_embd.weight", &[32, 16], self.0);
        std::fs::write(output, file.bytes()).map_err(|error| error.to_string())
    }
}

/// A quantizer that fails.
struct FailingQuantizer;

impl Quantizer for FailingQuantizer {
    fn quantize(&self, _: &Path, _: &Path, _: WeightFormat) -> Result<(), String> {
        Err("out of memory".to_owned())
    }
}

/// A meter with a constant result.
struct FixedMeter(Result<f64, &'static str>, AtomicU32);

impl DivergenceMeter for FixedMeter {
    fn divergence(&self, original: &Path, converted: &Path) -> Result<Divergence, String> {
        assert!(original.exists() && converted.exists() && original != converted);
        self.1.fetch_add(1, Ordering::Relaxed);
        let nats_per_token = self.0.map_err(str::to_owned)?;
        Ok(Divergence { nats_per_token, tokens: 900 })
    }

    fn kv_divergence(&self, _: &Path, _: KvType) -> Result<Divergence, String> {
        Err("a pull compares no KV caches".to_owned())
    }
}

fn fixed_meter(found: Result<f64, &'static str>) -> Arc<FixedMeter> {
    Arc::new(FixedMeter(found, AtomicU32::new(0)))
}

fn fixed_quantizer(kind: TensorType) -> Arc<FixedQuantizer> {
    Arc::new(FixedQuantizer(kind, AtomicU32::new(0)))
}

async fn fixture(quantizer: Arc<dyn Quantizer>) -> (RunningHub, Fixture) {
    fixture_with(quantizer, fixed_meter(Ok(0.0003))).await
}

async fn fixture_with(
    quantizer: Arc<dyn Quantizer>,
    meter: Arc<FixedMeter>,
) -> (RunningHub, Fixture) {
    let hub = Hub::serving(model(), &[]).start().await;
    let mut fixture = Fixture::with_hub(&hub);
    let features = vec!["avx512_bf16".to_owned()];
    fixture.options.convert = Some(ConvertAtPull { quantizer, meter, features });
    (hub, fixture)
}

async fn pull_starter(fixture: &Fixture) -> ModelFile {
    pull_entry(&fixture.store, &entry(), &fixture.options, &fixture.progress).await.expect("pulled")
}

#[tokio::test]
async fn the_starter_is_converted_once_and_both_stay_visible() {
    let quantizer = fixed_quantizer(TensorType::BF16);
    let (_hub, fixture) = fixture(quantizer.clone()).await;
    for _ in 0..2 {
        let file = pull_starter(&fixture).await;
        assert_eq!((file.name.as_str(), file.shape.format.as_str()), (NAME, "BF16"));
    }
    assert_eq!(quantizer.1.load(Ordering::Relaxed), 1);
    let names: Vec<_> = fixture.store.list().expect("listed").models;
    let names: Vec<_> = names.iter().map(|model| model.record.name.as_str()).collect();
    assert_eq!(names, [NAME, "starter:test-bf16"]);
    let converted = fixture.store.show("starter:test-bf16").expect("looked up").expect("there");
    let from = converted.record.converted_from.expect("converted");
    assert_eq!(from.digest, digest(&model()));
    let notes = fixture.progress.notes();
    assert_eq!(
        notes,
        [
            "converted starter:test from F16 to BF16: relative rounding error of at most 2⁻⁸ (0.39%) \
             per weight",
            "starter:test runs as BF16: KL divergence 0.0003 nats/token on 900 tokens, bound 0.01"
        ]
    );
    assert_eq!(fixture.files("partial"), [""; 0]);
}

#[tokio::test]
async fn a_failed_conversion_leaves_the_shipped_model() {
    let (_hub, fixture) = fixture(Arc::new(FailingQuantizer)).await;
    let file = pull_starter(&fixture).await;
    assert_eq!(file.digest, Some(digest(&model())));
    let notes = fixture.progress.notes();
    assert!(notes[0].contains("keeps its shipped format F16"), "{notes:?}");
    assert!(notes[0].ends_with("cannot convert starter:test to BF16: out of memory"), "{notes:?}");
    assert_eq!(fixture.files("partial"), [""; 0]);
}

#[tokio::test]
async fn a_conversion_in_another_format_is_rejected() {
    let (_hub, fixture) = fixture(fixed_quantizer(TensorType::F32)).await;
    pull_starter(&fixture).await;
    let name = NAME;
    let to = WeightFormat::Q8_0;
    let error =
        convert(&fixture.store, name, to, fixed_quantizer(TensorType::F32), &fixture.progress)
            .await;
    let error = error.expect_err("not what was asked for");
    assert!(matches!(error, ModelError::Convert { .. }), "{error}");
    assert!(error.to_string().ends_with("the converter wrote F32 weights"), "{error}");
    let again =
        convert(&fixture.store, name, to, fixed_quantizer(TensorType::Q8_0), &fixture.progress)
            .await;
    assert_eq!(again.expect("converted").name, "starter:test-q8_0");
    assert_eq!(fixture.files("partial"), [""; 0]);
}

#[tokio::test]
async fn only_a_stored_model_can_be_converted() {
    let fixture = Fixture::new();
    let quantizer = fixed_quantizer(TensorType::BF16);
    let to = WeightFormat::BF16;
    let error = convert(&fixture.store, "nothing", to, quantizer, &fixture.progress).await;
    assert!(matches!(error, Err(ModelError::NoSuchModel { .. })));
}

#[tokio::test]
async fn a_divergent_conversion_is_not_used_by_default() {
    for (found, why) in [
        (Ok(0.02), "is too large (KL divergence 0.0200 nats/token on 900"),
        (Err("out of memory"), "cannot compare starter:test-bf16 with"),
    ] {
        let (_hub, fixture) =
            fixture_with(fixed_quantizer(TensorType::BF16), fixed_meter(found)).await;
        let file = pull_starter(&fixture).await;
        assert_eq!(file.digest, Some(digest(&model())));
        let notes = fixture.progress.notes().join("\n");
        assert!(notes.contains("keeps its shipped format F16") && notes.contains(why), "{notes}");
        let shipped = fixture.store.show(NAME).expect("looked up").expect("there");
        assert_eq!(shipped.record.runs_as, None);
    }
}

#[tokio::test]
async fn a_divergence_is_measured_once_and_the_format_can_be_chosen() {
    let meter = fixed_meter(Ok(0.002));
    let (_hub, fixture) = fixture_with(fixed_quantizer(TensorType::BF16), meter.clone()).await;
    fixture.store.run_as(NAME, None).expect_err("nothing is here yet");
    pull_starter(&fixture).await;
    let (store, to) = (&fixture.store, WeightFormat::BF16);
    let again = conversion_divergence(store, NAME, to, meter.clone(), &fixture.progress);
    assert!((again.await.expect("known").nats_per_token - 0.002).abs() < 1e-12);
    assert_eq!(meter.1.load(Ordering::Relaxed), 1);
    let runs = || store.find(NAME).expect("looked up").expect("there").shape.format;
    assert_eq!(runs(), "BF16");
    store.run_as(NAME, None).expect("as it came");
    assert_eq!(runs(), "F16");
    store.run_as(NAME, Some(WeightFormat::Q8_0)).expect_err("no such conversion");
    store.run_as(NAME, Some(to)).expect("there is one");
    assert_eq!(runs(), "BF16");
}

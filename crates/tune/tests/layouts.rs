//! Comparison of KV cache layouts in trials without an engine.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use harmonic_models::pull::ConvertAtPull;
use harmonic_models::{DivergenceMeter, Progress, Quantizer, Store, WeightFormat, catalog};
use harmonic_planner::{PlanOptions, PlannedModel};
use harmonic_tune::{TrialError, Trials, TuneError, TuneEvent, TuneInputs, TuneObserver, tune};
use harmonic_types::{
    Bytes, Divergence, Hardware, KvLayout, KvType, Plan, StackSpec, TuneAxis, TunedConfig,
};
use tokio_util::sync::CancellationToken;

const MODEL: &str = "smollm2:135m";

/// Converter that always fails.
struct NoConverter;

impl Quantizer for NoConverter {
    fn quantize(&self, _: &Path, _: &Path, _: WeightFormat) -> Result<(), String> {
        Err("layouts need no conversion".to_owned())
    }
}

impl DivergenceMeter for NoConverter {
    fn divergence(&self, _: &Path, _: &Path) -> Result<Divergence, String> {
        Err("layouts need no conversion".to_owned())
    }

    fn kv_divergence(&self, _: &Path, _: KvType) -> Result<Divergence, String> {
        Err("layouts need no other KV type".to_owned())
    }
}

/// Observer that records the events of trials.
#[derive(Default)]
struct EventLog(Mutex<Vec<String>>);

impl Progress for EventLog {
    fn begin(&self, _: &str, _: Option<Bytes>) {}
    fn advance(&self, _: Bytes) {}
    fn end(&self) {}
    fn note(&self, _: &str) {}
}

impl TuneObserver for EventLog {
    fn event(&self, event: TuneEvent<'_>) {
        let line = match event {
            TuneEvent::Measuring(_) => return,
            TuneEvent::Measured(turn, rate) => {
                format!("{}: {:?} {rate}", turn.round, turn.candidate.kv_layout)
            }
            TuneEvent::Failed(turn, reason) => {
                format!("{}: {:?} {reason}", turn.round, turn.candidate.kv_layout)
            }
            TuneEvent::NotRemoved { name, .. } => name.to_owned(),
        };
        self.0.lock().unwrap().push(line);
    }
}

/// Trials with a given result for each layout and turn.
struct FakeTrials(fn(KvLayout, u32) -> Result<f64, TrialError>, AtomicU32);

impl Trials for FakeTrials {
    async fn measure(&self, plan: Plan, _: u32, _: u64) -> Result<f64, TrialError> {
        let turn = self.1.fetch_add(1, Ordering::Relaxed);
        (self.0)(plan.engines[0].local().kv_layout, turn)
    }
}

/// A stack of one model and the folder of its tuned configs.
struct Fixture {
    hardware: Hardware,
    stack: StackSpec,
    models: BTreeMap<String, PlannedModel>,
    options: PlanOptions,
    store: Store,
    home: tempfile::TempDir,
    events: EventLog,
}

impl Fixture {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let model = PlannedModel {
            name: MODEL.to_owned(),
            path: None,
            digest: Some("b179".to_owned()),
            shape: catalog::find(MODEL).unwrap().shape,
            paper: None,
        };
        Self {
            hardware: harmonic_hardware::profile::named("generic-64gb").unwrap(),
            stack: harmonic_stack::builtin("starter").unwrap(),
            models: BTreeMap::from([(MODEL.to_owned(), model)]),
            options: PlanOptions::default(),
            store: Store::new(home.path().join("models")),
            home,
            events: EventLog::default(),
        }
    }

    fn stored(&self) -> Vec<TunedConfig> {
        harmonic_profiles::tuned::stored(&self.home.path().join("tuned")).unwrap().documents
    }

    async fn compare(
        &self,
        result: fn(KvLayout, u32) -> Result<f64, TrialError>,
    ) -> Result<TunedConfig, TuneError> {
        let converter = std::sync::Arc::new(NoConverter);
        let inputs = TuneInputs {
            hardware: &self.hardware,
            stack: &self.stack,
            models: &self.models,
            curves: &[],
            tuned: &self.stored(),
            options: &self.options,
            engine: "llama.cpp/1",
            parallel: Some(8),
            rounds: 3,
            http_threads: 2,
            store: &self.store,
            folder: &self.home.path().join("tuned"),
            converter: &ConvertAtPull {
                quantizer: converter.clone(),
                meter: converter,
                features: Vec::new(),
            },
            observer: &self.events,
            stop: &CancellationToken::new(),
        };
        tune(inputs, MODEL, &[TuneAxis::Layouts], &FakeTrials(result, AtomicU32::new(0))).await
    }
}

#[tokio::test]
async fn the_faster_layout_is_kept_and_is_the_one_in_use_from_then_on() {
    let fixture = Fixture::new();
    let unified_is_faster = |layout, turn| {
        let noise = f64::from(turn % 3);
        Ok(noise + if layout == KvLayout::Unified { 200.0 } else { 100.0 })
    };
    let kept = fixture.compare(unified_is_faster).await.unwrap();
    assert_eq!((kept.kv_layout, kept.parallel), (Some(KvLayout::Unified), 8));
    let stored = fixture.stored();
    assert_eq!((stored.len(), &stored[0].key, stored[0].kv_layout), (1, &kept.key, kept.kv_layout));
    let comparison = &kept.comparisons[0];
    assert_eq!(comparison.candidates[comparison.present].kv_layout, KvLayout::Streams);

    let again = fixture.compare(unified_is_faster).await.unwrap();
    let comparison = &again.comparisons[0];
    assert_eq!(again.comparisons.len(), 1, "the earlier one is replaced");
    assert_eq!(comparison.candidates[comparison.present].kv_layout, KvLayout::Unified);
    assert_eq!(comparison.chosen, comparison.present);
}

#[tokio::test]
async fn every_round_begins_with_another_candidate() {
    let fixture = Fixture::new();
    fixture.compare(|_, _| Ok(100.0)).await.unwrap();
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
    let streams_fail = |layout, _| match layout {
        KvLayout::Streams => Err(TrialError::Failed("no memory".to_owned())),
        KvLayout::Unified => Ok(100.0),
    };
    let kept = fixture.compare(streams_fail).await.unwrap();
    assert_eq!(kept.kv_layout, Some(KvLayout::Unified), "any other may take its place");
    let failed = &kept.comparisons[0].candidates[0];
    assert_eq!((failed.reason.as_deref(), failed.tok_s), (Some("no memory"), None));
    let events = fixture.events.0.into_inner().unwrap();
    assert_eq!(events.iter().filter(|line| line.contains("Streams")).count(), 1, "{events:?}");
}

#[tokio::test]
async fn where_nothing_runs_nothing_is_stored_and_the_reasons_are_told() {
    let fixture = Fixture::new();
    let error = fixture.compare(|_, _| Err(TrialError::Failed("broken".to_owned()))).await;
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "no setting of smollm2:135m could be measured");
    assert_eq!(error.hint().as_deref(), Some("broken; broken"));
    assert_eq!(fixture.stored(), []);
}

#[tokio::test]
async fn a_stopped_comparison_keeps_nothing() {
    let fixture = Fixture::new();
    let stopped = |_, turn| if turn < 3 { Ok(100.0) } else { Err(TrialError::Stopped) };
    let error = fixture.compare(stopped).await.unwrap_err();
    assert!(matches!(error, TuneError::Stopped), "{error}");
    assert_eq!(fixture.stored(), []);
}

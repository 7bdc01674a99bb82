//! A stack of one model, compared in trials without an engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use harmonic_models::pull::ConvertAtPull;
use harmonic_models::{DivergenceMeter, Progress, Quantizer, Store, WeightFormat, catalog};
use harmonic_planner::{PlanOptions, PlannedModel};
use harmonic_tune::{TrialError, Trials, TuneError, TuneEvent, TuneInputs, TuneObserver, tune};
use harmonic_types::{
    Bytes, Divergence, Hardware, KvType, LocalSpec, Plan, StackSpec, TuneAxis, TunedConfig,
};
use tokio_util::sync::CancellationToken;

const MODEL: &str = "smollm2:135m";

/// Converter that always fails, and meter of quantised caches that finds them close.
struct NoConverter;

impl Quantizer for NoConverter {
    fn quantize(&self, _: &Path, _: &Path, _: WeightFormat) -> Result<(), String> {
        Err("nothing is converted".to_owned())
    }
}

impl DivergenceMeter for NoConverter {
    fn divergence(&self, _: &Path, _: &Path) -> Result<Divergence, String> {
        Err("nothing is converted".to_owned())
    }

    fn kv_divergence(&self, _: &Path, _: KvType) -> Result<Divergence, String> {
        Ok(Divergence { nats_per_token: 0.0004, tokens: 771 })
    }
}

/// Observer that records the events of trials.
#[derive(Default)]
pub(crate) struct EventLog(pub(crate) Mutex<Vec<String>>);

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

/// Result of a trial with an engine of these settings, by turn.
pub(crate) type TrialResult = fn(&LocalSpec, u32) -> Result<f64, TrialError>;

/// Trials with given results.
struct FakeTrials(TrialResult, AtomicU32);

impl Trials for FakeTrials {
    async fn measure(&self, plan: Plan, _: u32, _: u64) -> Result<f64, TrialError> {
        let turn = self.1.fetch_add(1, Ordering::Relaxed);
        (self.0)(plan.engines[0].local().unwrap(), turn)
    }
}

/// A stack of one model and the folder of its tuned configs.
pub(crate) struct Fixture {
    hardware: Hardware,
    stack: StackSpec,
    pub(crate) models: BTreeMap<String, PlannedModel>,
    options: PlanOptions,
    store: Store,
    home: tempfile::TempDir,
    pub(crate) events: EventLog,
}

impl Fixture {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn stored(&self) -> Vec<TunedConfig> {
        harmonic_profiles::tuned::stored(&self.home.path().join("tuned")).unwrap().documents
    }

    pub(crate) async fn compare(
        &self,
        axis: TuneAxis,
        result: TrialResult,
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
        tune(inputs, MODEL, &[axis], &FakeTrials(result, AtomicU32::new(0))).await
    }
}

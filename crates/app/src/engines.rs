//! Engine kinds of this build.
//!
//! Owns: starting a planned engine by its kind, and llama.cpp as the converter of the model store.

use std::path::Path;
use std::sync::Arc;

use harmonic_engine::constraint::FormTrial;
use harmonic_engine::sim::{self, CostModel};
use harmonic_engine::{Engine, EngineError, LocalConfig, SharedDevice, shared_device};
use harmonic_events::EventStream;
use harmonic_launcher::EngineFactory;
use harmonic_llama::LlamaSetup;
use harmonic_models::{DivergenceMeter, ModelFiles, Quantizer, WeightFormat, catalog};
use harmonic_types::{
    Bytes, Divergence, EngineKind, EnginePlan, EngineSpec, KvType, ModelShape, Plan,
};

use crate::inspect;

/// Factory of the engines of one plan, of every kind.
#[derive(Clone, Debug)]
pub struct PlanEngineFactory {
    device: Option<SharedDevice>,
    /// Queued requests per agent, at most.
    queue_limit: u32,
    form_trial: Option<FormTrial>,
    events: EventStream,
}

impl PlanEngineFactory {
    /// Factory for the engines of `plan`, which share a device: at most `queue_limit` requests wait
    /// for each agent, `form_trial` tries costly forms of answers, and engines publish to `events`.
    pub fn of(
        plan: &Plan,
        queue_limit: u32,
        form_trial: Option<FormTrial>,
        events: EventStream,
    ) -> Self {
        Self { device: shared_device(plan), queue_limit, form_trial, events }
    }
}

impl EngineFactory for PlanEngineFactory {
    fn start(&self, plan: &Plan, engine: &EnginePlan) -> Result<Arc<dyn Engine>, EngineError> {
        let mut config = LocalConfig::of(plan, engine);
        config.queue_limit = self.queue_limit;
        config.form_trial.clone_from(&self.form_trial);
        config.events = self.events.clone();
        let index = plan.engines.iter().position(|other| other.id == engine.id);
        config.device = self.device.as_ref().zip(index).map(|(device, index)| device.handle(index));
        match &engine.spec {
            EngineSpec::Llama(llama) => {
                let setup = LlamaSetup::of(llama, &config)?;
                // The file may have changed since the plan was made, or was not read then.
                config.identity = config.identity.with_format(shape(engine)?.format);
                Ok(Arc::new(harmonic_llama::spawn(setup, config)?))
            }
            // The simulation is of the largest machine in the paper, whatever the host is.
            EngineSpec::Sim(_) => {
                let shape = shape(engine)?;
                let paper = CostModel::dgx_spark(&shape);
                config.identity = config.identity.with_format(shape.format);
                Ok(Arc::new(sim::spawn(config, paper)?))
            }
        }
    }

    fn available(&self) -> Option<Bytes> {
        inspect::hardware().ok().map(|hardware| hardware.memory_available_bytes)
    }
}

/// Name of the engine build of this kind, as in the keys of measurements.
pub fn build(kind: EngineKind) -> String {
    match kind {
        EngineKind::Llama => harmonic_llama::BUILD.to_owned(),
        EngineKind::Sim => format!("{kind}/{}", env!("CARGO_PKG_VERSION")),
    }
}

/// Whether an engine build, as named by [`build`], is a simulation.
pub fn is_simulated(build: &str) -> bool {
    build.starts_with("sim/")
}

/// Shape of the engine's model, which a plan does not have.
fn shape(engine: &EnginePlan) -> Result<ModelShape, EngineError> {
    let known = match &engine.local().path {
        Some(path) => ModelFiles::open(path)
            .and_then(|files| files.shape())
            .map_err(|error| error.to_string()),
        None => catalog::find(&engine.model).map(|entry| entry.shape).ok_or_else(|| {
            format!(
                "unknown shape of the model {}: it has no file and no catalog entry",
                engine.model
            )
        }),
    };
    known.map_err(|reason| EngineError::Setup { id: engine.id.clone(), reason })
}

/// llama.cpp as the converter of the model store and the meter of the conversion loss.
#[derive(Clone, Copy, Debug)]
pub struct LlamaConverter {
    /// Threads used.
    pub threads: u32,
}

impl Quantizer for LlamaConverter {
    fn quantize(&self, input: &Path, output: &Path, format: WeightFormat) -> Result<(), String> {
        harmonic_llama::quantize(input, output, format.name(), self.threads)
            .map_err(|error| error.to_string())
    }
}

impl DivergenceMeter for LlamaConverter {
    fn divergence(&self, original: &Path, converted: &Path) -> Result<Divergence, String> {
        harmonic_llama::divergence(original, converted, self.threads)
            .map_err(|error| error.to_string())
    }

    fn kv_divergence(&self, model: &Path, kv_type: KvType) -> Result<Divergence, String> {
        harmonic_llama::kv_divergence(model, kv_type, self.threads)
            .map_err(|error| error.to_string())
    }
}

//! Engine kinds of this build.
//!
//! Owns: starting a planned engine by its kind, and llama.cpp as the converter of the model store.

use std::path::Path;
use std::sync::Arc;

use harmonic_engine::constraint::FormTrial;
use harmonic_engine::sim::{self, CostModel};
use harmonic_engine::{Engine, EngineError, LocalConfig, SharedDevice, shared_device};
use harmonic_events::EventStream;
use harmonic_hardware::profile::{DGX_SPARK, Profile, RYZEN_AI_MAX_395};
use harmonic_launcher::EngineFactory;
use harmonic_llama::{EncoderSetup, LlamaSetup};
use harmonic_models::{DivergenceMeter, ModelFiles, Quantizer, WeightFormat, catalog};
use harmonic_types::{
    Bytes, Divergence, EngineKind, EnginePlan, EngineSpec, KvType, ModelShape, Plan, Pooling,
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
        // The file may have changed since the plan was made, or was not read then.
        let shape = shape(engine)?;
        if shape.pooling != engine.local().pooling {
            let reason = format!(
                "the plan expects {}, and the model file is {}: plan again",
                kind_of_model(engine.local().pooling),
                kind_of_model(shape.pooling)
            );
            return Err(EngineError::Setup { id: engine.id.clone(), reason });
        }
        config.identity = config.identity.with_format(shape.format.clone());
        Ok(match (&engine.spec, shape.pooling) {
            (EngineSpec::Llama(llama), None) => {
                let setup = LlamaSetup::of(llama, &config)?;
                Arc::new(harmonic_llama::spawn(setup, config)?)
            }
            (EngineSpec::Llama(llama), Some(pooling)) => {
                let setup = EncoderSetup::of(llama, pooling, &config)?;
                Arc::new(harmonic_llama::spawn_embedder(setup, config)?)
            }
            (EngineSpec::Sim(_), None) => Arc::new(sim::spawn(config, simulated(plan, &shape))?),
            (EngineSpec::Sim(_), Some(_)) => {
                let (costs, width) = (simulated(plan, &shape), shape.embedding_length);
                Arc::new(sim::spawn_embedder(config, costs, width)?)
            }
        })
    }

    fn available(&self) -> Option<Bytes> {
        inspect::hardware().ok().map(|hardware| hardware.memory_available_bytes)
    }
}

/// The machine that engines of `plan` simulate: that of the paper's for which the plan was made, or
/// else the larger one of the two, whatever the host is.
pub(crate) fn simulated_profile(plan: &Plan) -> Profile {
    if plan.hardware.profile == RYZEN_AI_MAX_395.name { RYZEN_AI_MAX_395 } else { DGX_SPARK }
}

/// Costs of a model of `shape` on that machine.
fn simulated(plan: &Plan, shape: &ModelShape) -> CostModel {
    if simulated_profile(plan).name == RYZEN_AI_MAX_395.name {
        CostModel::ryzen_ai_max_395(shape)
    } else {
        CostModel::dgx_spark(shape)
    }
}

/// What a model with this pooling does.
fn kind_of_model(pooling: Option<Pooling>) -> &'static str {
    match pooling {
        None => "a model that generates text",
        Some(Pooling::Mean) => "an embedding model with mean pooling",
        Some(Pooling::Cls) => "an embedding model that pools by its first token",
        Some(Pooling::Last) => "an embedding model that pools by its last token",
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

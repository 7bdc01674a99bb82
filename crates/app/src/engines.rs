//! The kinds of engine that this build has.
//!
//! Owns: the way from a planned engine to a running one, and llama.cpp as the converter of the
//! model store.

use std::path::Path;
use std::sync::Arc;

use harmonic_engine::constraint::FormTrial;
use harmonic_engine::sim::{self, CostModel};
use harmonic_engine::{Engine, EngineError, LocalConfig, SharedDevice, shared_device};
use harmonic_events::EventStream;
use harmonic_launcher::EngineFactory;
use harmonic_llama::LlamaSetup;
use harmonic_models::{DivergenceMeter, ModelFiles, Quantizer, WeightFormat, catalog};
use harmonic_types::{Bytes, Divergence, EngineKind, EnginePlan, EngineSpec, ModelShape, Plan};

use crate::inspect;

/// Starts engines of every kind, all for one plan.
#[derive(Clone, Debug)]
pub struct Engines {
    device: Option<SharedDevice>,
    /// Most requests that wait per agent.
    queue_limit: u32,
    form_trial: Option<FormTrial>,
    events: EventStream,
}

impl Engines {
    /// For the engines of `plan`, which share a device; at most `queue_limit` requests wait for
    /// each agent, costly forms are tried by `form_trial`, and what happens is published to `events`.
    pub fn of(
        plan: &Plan,
        queue_limit: u32,
        form_trial: Option<FormTrial>,
        events: EventStream,
    ) -> Self {
        Self { device: shared_device(plan), queue_limit, form_trial, events }
    }
}

impl EngineFactory for Engines {
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
                // The file may have changed since the plan, or never have been looked at.
                config.identity = config.identity.with_format(shape(engine)?.format);
                Ok(Arc::new(harmonic_llama::spawn(setup, config)?))
            }
            // A machine of its own kind: the simulation is of the largest one in the paper.
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

/// Kind and build of the engines of this kind, as measurements name it.
pub fn build(kind: EngineKind) -> String {
    match kind {
        EngineKind::Llama => harmonic_llama::BUILD.to_owned(),
        EngineKind::Sim => format!("{kind}/{}", env!("CARGO_PKG_VERSION")),
    }
}

/// Whether a build, as [`build`] names it, only simulates.
pub fn is_simulated(build: &str) -> bool {
    build.starts_with("sim/")
}

/// What the simulation must know of the model, which a plan does not say.
fn shape(engine: &EnginePlan) -> Result<ModelShape, EngineError> {
    let known = match &engine.local().path {
        Some(path) => ModelFiles::open(path)
            .and_then(|files| files.shape())
            .map_err(|error| error.to_string()),
        None => catalog::find(&engine.model)
            .map(|entry| entry.shape)
            .ok_or_else(|| format!("the shape of {} is not known here", engine.model)),
    };
    known.map_err(|reason| EngineError::Setup { id: engine.id.clone(), reason })
}

/// llama.cpp as the converter of the model store, and as the judge of what it wrote.
#[derive(Clone, Copy, Debug)]
pub struct LlamaConverter {
    /// Threads to work with.
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
}

//! Engines that compute in this process: llama.cpp, and simulated machines.

use std::sync::Arc;

use harmonic_engine::sim::{self, CostModel};
use harmonic_engine::{Engine, EngineError, LocalConfig};
use harmonic_hardware::profile::{DGX_SPARK, Profile, RYZEN_AI_MAX_395};
use harmonic_llama::{EncoderSetup, LlamaSetup};
use harmonic_models::{ModelFiles, catalog};
use harmonic_types::{EnginePlan, LlamaSpec, LocalSpec, ModelShape, Plan, Pooling};

/// Starts `engine` on llama.cpp with `config`.
pub(super) fn llama(
    engine: &EnginePlan,
    spec: &LlamaSpec,
    config: LocalConfig,
) -> Result<Arc<dyn Engine>, EngineError> {
    let (config, shape) = checked(engine, &spec.local, config)?;
    Ok(match shape.pooling {
        None => Arc::new(harmonic_llama::spawn(LlamaSetup::of(spec, &config)?, config)?),
        Some(pooling) => {
            let setup = EncoderSetup::of(spec, pooling, &config)?;
            Arc::new(harmonic_llama::spawn_embedder(setup, config)?)
        }
    })
}

/// Starts `engine` of `plan` on a simulated machine with `config`.
pub(super) fn simulated(
    plan: &Plan,
    engine: &EnginePlan,
    local: &LocalSpec,
    config: LocalConfig,
) -> Result<Arc<dyn Engine>, EngineError> {
    let (config, shape) = checked(engine, local, config)?;
    let costs = costs(plan, &shape);
    Ok(match shape.pooling {
        None => Arc::new(sim::spawn(config, costs)?),
        Some(_) => Arc::new(sim::spawn_embedder(config, costs, shape.embedding_length)?),
    })
}

/// The shape of the engine's model, and `config` with its format. The file may have changed since the
/// plan was made, or was not read then.
fn checked(
    engine: &EnginePlan,
    local: &LocalSpec,
    mut config: LocalConfig,
) -> Result<(LocalConfig, ModelShape), EngineError> {
    let shape = shape(engine)?;
    if shape.pooling != local.pooling {
        let reason = format!(
            "the plan expects {}, and the model file is {}: plan again",
            kind_of_model(local.pooling),
            kind_of_model(shape.pooling)
        );
        return Err(EngineError::Setup { id: engine.id.clone(), reason });
    }
    config.identity = config.identity.with_format(shape.format.clone());
    Ok((config, shape))
}

/// The machine that engines of `plan` simulate: that of the paper's for which the plan was made, or
/// else the larger one of the two, whatever the host is.
pub(crate) fn simulated_profile(plan: &Plan) -> Profile {
    if plan.hardware.profile == RYZEN_AI_MAX_395.name { RYZEN_AI_MAX_395 } else { DGX_SPARK }
}

/// Costs of a model of `shape` on that machine.
fn costs(plan: &Plan, shape: &ModelShape) -> CostModel {
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

/// Shape of the engine's model, which a plan does not have.
pub(super) fn shape(engine: &EnginePlan) -> Result<ModelShape, EngineError> {
    let known = match engine.model_path() {
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

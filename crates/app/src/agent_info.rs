//! Public description of the agents of a plan, from the plan and, for the weights, from the header
//! of the model file or the catalog.

use harmonic_engine::chat::ThinkingSupport;
use harmonic_gateway::{AgentInfo, WeightsInfo};
use harmonic_models::catalog;
use harmonic_models::gguf::{Header, shape};
use harmonic_types::{AgentPlan, EngineKind, EnginePlan};

/// Prefix of the devices that use the host's memory.
const HOST: &str = "cpu";

/// Public description of `agent`, which `engine` serves.
pub fn agent_info(agent: &AgentPlan, engine: &EnginePlan) -> AgentInfo {
    let weights = weights(engine);
    let template = weights.as_ref().and_then(|weights| weights.template.as_deref());
    AgentInfo {
        system: agent.spec.system.clone(),
        sampling: agent.spec.sampling.clone(),
        thinking: agent.spec.thinking,
        // The engine refuses an invalid template.
        thinking_support: template
            .and_then(|source| ThinkingSupport::of_template(source).ok())
            .unwrap_or_default(),
        accelerated: is_accelerated(engine),
        weights,
    }
}

/// Whether the engine uses a device of this machine with a memory of its own.
fn is_accelerated(engine: &EnginePlan) -> bool {
    let is_here = !matches!(engine.spec.kind(), EngineKind::Sim | EngineKind::Remote);
    is_here && !engine.device.starts_with(HOST)
}

/// Description of the weights; `None` where neither a file nor the catalog has them, as for a
/// simulated engine, and for a server elsewhere.
fn weights(engine: &EnginePlan) -> Option<WeightsInfo> {
    // What a server has may differ from the file of this name.
    if engine.spec.kind() == EngineKind::Remote {
        return None;
    }
    let entry = catalog::find(&engine.model);
    let header = engine.model_path().and_then(|path| Header::open(path).ok());
    let text = |key: &str| {
        let value = header.as_ref()?.metadata.get(key)?;
        value.as_str(key).ok().map(str::to_owned)
    };
    let read = header.as_ref().and_then(|header| shape(header).ok());
    Some(WeightsInfo {
        digest: engine.digest.clone(),
        shortens: header.as_ref().is_some_and(Header::is_matryoshka),
        template: header.as_ref().and_then(|header| header.chat_template()).map(str::to_owned),
        licence: text("general.license")
            .or_else(|| entry.as_ref().map(|entry| entry.licence.to_owned())),
        shape: read.or_else(|| entry.map(|entry| entry.shape))?,
    })
}

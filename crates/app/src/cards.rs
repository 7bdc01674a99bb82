//! What clients may read of the agents of a plan: from the plan, and from what the header of the
//! model's file or the catalog says of the weights.

use harmonic_engine::chat::ThinkingSupport;
use harmonic_gateway::{AgentCard, WeightsCard};
use harmonic_models::catalog;
use harmonic_models::gguf::{Header, shape};
use harmonic_types::{AgentPlan, EngineKind, EnginePlan};

/// Devices whose memory is the host's.
const HOST: &str = "cpu";

/// The card of `agent`, which `engine` serves.
pub fn card(agent: &AgentPlan, engine: &EnginePlan) -> AgentCard {
    let weights = weights(engine);
    let template = weights.as_ref().and_then(|weights| weights.template.as_deref());
    AgentCard {
        system: agent.spec.system.clone(),
        sampling: agent.spec.sampling.clone(),
        thinking: agent.spec.thinking,
        // A template that is not valid is the engine's to refuse.
        thinks: template
            .and_then(|source| ThinkingSupport::of_template(source).ok())
            .unwrap_or_default(),
        accelerated: engine.spec.kind() != EngineKind::Sim && !engine.device.starts_with(HOST),
        weights,
    }
}

/// What is known of the weights; a simulated engine may have none on this machine.
fn weights(engine: &EnginePlan) -> Option<WeightsCard> {
    let entry = catalog::find(&engine.model);
    let header = engine.local().path.as_deref().and_then(|path| Header::open(path).ok());
    let text = |key: &str| {
        let value = header.as_ref()?.metadata.get(key)?;
        value.as_str(key).ok().map(str::to_owned)
    };
    let read = header.as_ref().and_then(|header| shape(header).ok());
    Some(WeightsCard {
        digest: engine.digest.clone(),
        template: header.as_ref().and_then(|header| header.chat_template()).map(str::to_owned),
        licence: text("general.license")
            .or_else(|| entry.as_ref().map(|entry| entry.licence.to_owned())),
        shape: read.or_else(|| entry.map(|entry| entry.shape))?,
    })
}

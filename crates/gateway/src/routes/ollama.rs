//! Routes of Ollama's dialect.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{delete, get, post};
use harmonic_api::agent;
use harmonic_api::ollama::{
    self, API_VERSION, Details, ListedModel, ModelNames, RunningModel, RunningModels, ShowBody,
    ShownModel, Version,
};
use harmonic_engine::Health;
use serde_json::{Map, Value};

use crate::api_error::ApiError;
use crate::model_registry::RegisteredAgent;
use crate::respond::json;
use crate::shared::Shared;
use crate::{agent_info, answer, embeddings, pull};

/// Time at which weights are unloaded: never, which Ollama's clients expect as a date in the far
/// future.
const NEVER: &str = "2318-01-01T00:00:00Z";

/// Routes of Ollama's dialect.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/chat", answer::route(ollama::parse_chat))
        .route("/api/generate", answer::route(ollama::parse_generate))
        .route("/api/tags", get(tags))
        .route("/api/ps", get(running))
        .route("/api/show", post(show))
        .route("/api/version", get(version))
        .route("/api/pull", post(pull::pull))
        .route("/api/create", post(async || ApiError::FixedAgents))
        .route("/api/copy", post(async || ApiError::FixedAgents))
        .route("/api/delete", delete(async || ApiError::FixedAgents))
        .route("/api/push", post(async || ApiError::FixedAgents))
        // Sent before a push, for the account at ollama.com.
        .route("/api/me", post(async || ApiError::FixedAgents))
        .route("/api/blobs/{digest}", post(async || ApiError::FixedAgents))
        .route("/api/embed", embeddings::route(harmonic_api::parse_embed))
        .route("/api/embeddings", embeddings::route(harmonic_api::parse_older_embed))
}

async fn version() -> Response {
    let (version, harmonic) = (API_VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    json(StatusCode::OK, &Version { version, harmonic })
}

/// The agents, in the order of the stack.
async fn tags(State(shared): State<Arc<Shared>>) -> Response {
    let models = shared.models();
    let listed = |agent: &RegisteredAgent| ListedModel {
        name: agent.name.0.clone(),
        model: agent.name.0.clone(),
        modified_at: ollama::time(shared.started),
        size: size(agent),
        digest: models.digest(&agent.name).to_owned(),
        details: details(agent),
    };
    let models = models.agents().iter().map(listed).collect();
    json(StatusCode::OK, &ModelNames { models })
}

/// The agents whose engines are ready.
async fn running(State(shared): State<Arc<Shared>>) -> Response {
    let models = shared.models();
    let running = |agent: &RegisteredAgent| RunningModel {
        name: agent.name.0.clone(),
        model: agent.name.0.clone(),
        size: size(agent),
        size_vram: size(agent).filter(|_| agent.info.accelerated).unwrap_or_default(),
        digest: models.digest(&agent.name).to_owned(),
        details: details(agent),
        expires_at: NEVER.to_owned(),
        context_length: agent.context.0,
    };
    let ready = |agent: &&RegisteredAgent| agent.engine.status().health == Health::Ready;
    let models = models.agents().iter().filter(ready).map(running).collect();
    json(StatusCode::OK, &RunningModels { models })
}

/// One agent.
async fn show(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, ApiError> {
    let asked: ShowBody = shared.bodies.json(request, Ok).await?;
    let name = agent(ollama::model_or_name(asked.model, asked.name))?;
    let models = shared.models();
    let (agent, _) = models.find(&name)?;
    let weights = agent.info.weights.as_ref();
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let capabilities = agent.engine.capabilities();
    let thinking = agent.info.can_think().then_some("thinking");
    let shown = ShownModel {
        modified_at: ollama::time(shared.started),
        details: details(agent),
        modelfile: agent.info.modelfile(&agent.model, agent.context),
        parameters: agent_info::parameters(&agent.info.sampling, agent.context),
        template: text(weights.and_then(|weights| weights.template.as_ref())),
        system: agent.info.system.clone(),
        license: text(weights.and_then(|weights| weights.licence.as_ref())),
        model_info: model_info(agent),
        capabilities: capabilities
            .generation
            .then_some("completion")
            .into_iter()
            .chain(capabilities.embeddings.then_some("embedding"))
            .chain(capabilities.tools.then_some("tools"))
            .chain(capabilities.vision.then_some("vision"))
            .chain(thinking)
            .map(str::to_owned)
            .collect(),
    };
    Ok(json(StatusCode::OK, &shown))
}

/// Metadata under the keys of the model file's header; the context is the agent's.
fn model_info(agent: &RegisteredAgent) -> Map<String, Value> {
    let shape = agent.info.weights.as_ref().map(|weights| &weights.shape);
    let family = shape.map_or("harmonic", |shape| &shape.architecture);
    let of_family = |key: &str, value: Value| (format!("{family}.{key}"), value);
    let known = shape.into_iter().flat_map(|shape| {
        [
            ("general.parameter_count".to_owned(), Value::from(shape.parameters)),
            of_family("block_count", Value::from(shape.layers.len())),
            of_family("embedding_length", Value::from(shape.embedding_length)),
            of_family("vocab_size", Value::from(shape.vocabulary)),
        ]
    });
    [
        ("general.architecture".to_owned(), Value::from(family)),
        of_family("context_length", Value::from(agent.context.0)),
    ]
    .into_iter()
    .chain(known)
    .collect()
}

/// Bytes of the weights in memory, or in the file where the engine does not report them. Zed
/// requires the field.
fn size(agent: &RegisteredAgent) -> Option<u64> {
    let stored = agent.info.weights.as_ref().map(|weights| weights.shape.weights_bytes);
    agent.engine.status().allocation.weights_bytes.or(stored).map(|bytes| bytes.0)
}

fn details(agent: &RegisteredAgent) -> Details {
    let shape = agent.info.weights.as_ref().map(|weights| &weights.shape);
    let family = shape.map(|shape| shape.architecture.clone()).unwrap_or_default();
    Details {
        parent_model: agent.model.clone(),
        format: "gguf".to_owned(),
        families: shape.iter().map(|shape| shape.architecture.clone()).collect(),
        parameter_size: shape
            .map(|shape| agent_info::parameter_size(shape.parameters))
            .unwrap_or_default(),
        quantization_level: shape.map(|shape| shape.format.clone()).unwrap_or_default(),
        family,
    }
}

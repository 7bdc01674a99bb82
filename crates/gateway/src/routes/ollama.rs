//! Ollama's paths.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use harmonic_api::ollama::{
    self, API_VERSION, Details, ListedModel, ModelNames, RunningModel, RunningModels, ShowBody,
    ShownModel, Version,
};
use harmonic_engine::Health;
use serde_json::{Map, Value};

use crate::api_error::ApiError;
use crate::respond::json;
use crate::roster::RosterAgent;
use crate::shared::Shared;
use crate::{answer, body, embeddings, pull};

/// When weights are unloaded: Ollama's clients take a date, and a year that is far away for never.
const NEVER: &str = "2318-01-01T00:00:00Z";

/// Ollama's paths.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(async || "Ollama is running, spoken by Harmonic Stack"))
        .route("/api/chat", answer::route(ollama::ask_chat))
        .route("/api/generate", answer::route(ollama::ask_generate))
        .route("/api/tags", get(tags))
        .route("/api/ps", get(running))
        .route("/api/show", post(show))
        .route("/api/version", get(version))
        .route("/api/pull", post(pull::pull))
        .route("/api/embed", post(embeddings::ollama))
        .route("/api/embeddings", post(embeddings::ollama))
}

async fn version() -> Response {
    let (version, harmonic) = (API_VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    json(StatusCode::OK, &Version { version, harmonic })
}

/// The agents, in the order of the stack.
async fn tags(State(shared): State<Arc<Shared>>) -> Response {
    let listed = |agent: &RosterAgent| ListedModel {
        name: agent.name.0.clone(),
        model: agent.name.0.clone(),
        modified_at: ollama::time(shared.started),
        size: size(agent),
        details: details(agent),
    };
    let models = shared.roster().agents().iter().map(listed).collect();
    json(StatusCode::OK, &ModelNames { models })
}

/// The agents whose engines can serve.
async fn running(State(shared): State<Arc<Shared>>) -> Response {
    let running = |agent: &RosterAgent| RunningModel {
        name: agent.name.0.clone(),
        model: agent.name.0.clone(),
        size: size(agent),
        details: details(agent),
        expires_at: NEVER.to_owned(),
        context_length: agent.context.0,
    };
    let roster = shared.roster();
    let ready = |agent: &&RosterAgent| agent.engine.status().health == Health::Ready;
    let models = roster.agents().iter().filter(ready).map(running).collect();
    json(StatusCode::OK, &RunningModels { models })
}

/// One agent.
async fn show(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, ApiError> {
    let asked: ShowBody = body::json(&shared, request, Ok).await?;
    let name = ollama::agent(asked.model.or(asked.name).unwrap_or_default())?;
    let roster = shared.roster();
    let (agent, _) = roster.find(&name)?;
    let model_info = Map::from_iter([
        ("general.architecture".to_owned(), Value::from("harmonic")),
        ("harmonic.context_length".to_owned(), Value::from(agent.context.0)),
    ]);
    let shown = ShownModel {
        modified_at: ollama::time(shared.started),
        details: details(agent),
        model_info,
        capabilities: vec!["completion".to_owned(), "tools".to_owned()],
    };
    Ok(json(StatusCode::OK, &shown))
}

fn size(agent: &RosterAgent) -> Option<u64> {
    agent.engine.status().allocation.weights_bytes.map(|bytes| bytes.0)
}

fn details(agent: &RosterAgent) -> Details {
    Details { parent_model: agent.model.clone(), format: "gguf".to_owned() }
}

//! Routes of OpenAI's dialect.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use harmonic_api::openai::{self, ModelCard, ModelList, completions};

use crate::api_error::ApiError;
use crate::model_registry::RegisteredAgent;
use crate::respond::json;
use crate::shared::Shared;
use crate::{answer, embeddings};

/// Routes of OpenAI's dialect.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/chat/completions", answer::route(openai::parse))
        .route("/v1/completions", answer::route(completions::parse))
        .route("/v1/embeddings", embeddings::route(harmonic_api::parse_embeddings))
        .route("/v1/models", get(models))
        .route("/v1/models/{model}", get(model))
}

/// The agents, in the order of the stack.
async fn models(State(shared): State<Arc<Shared>>) -> Response {
    let models = shared.models();
    let listed = models.agents().iter().map(|agent| model_card(&shared, agent));
    json(StatusCode::OK, &ModelList::new(listed.collect()))
}

/// One agent.
async fn model(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, ApiError> {
    // No agent has a name that is not UTF-8.
    let Ok(Path(name)) = name else {
        return Err(ApiError::PathNotFound { path: uri.path().to_owned() });
    };
    let models = shared.models();
    let (agent, _) = models.find(&harmonic_api::agent(name)?)?;
    Ok(json(StatusCode::OK, &model_card(&shared, agent)))
}

fn model_card(shared: &Shared, agent: &RegisteredAgent) -> ModelCard {
    ModelCard {
        id: agent.name.0.clone(),
        object: "model".to_owned(),
        created: shared.started,
        owned_by: "harmonic".to_owned(),
        role: Some(agent.role.clone()),
        model: Some(agent.model.clone()),
        context: Some(agent.context.0),
    }
}

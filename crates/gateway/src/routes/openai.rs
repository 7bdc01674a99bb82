//! OpenAI's paths.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use harmonic_api::openai::{self, ModelCard, ModelList};

use crate::answer;
use crate::respond::json;
use crate::shared::Shared;

/// OpenAI's paths.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/chat/completions", answer::route(openai::ask))
        .route("/v1/models", get(models))
}

/// The agents, in the order of the stack.
async fn models(State(shared): State<Arc<Shared>>) -> Response {
    let roster = shared.roster();
    let cards = roster.agents().iter().map(|agent| ModelCard {
        id: agent.name.0.clone(),
        object: "model".to_owned(),
        created: shared.started,
        owned_by: "harmonic".to_owned(),
        role: Some(agent.role.clone()),
        model: Some(agent.model.clone()),
        context: Some(agent.context.0),
    });
    json(StatusCode::OK, &ModelList::new(cards.collect()))
}

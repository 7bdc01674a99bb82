//! `GET /v1/models`: the agents.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use harmonic_api::openai::{ModelCard, ModelList};

use crate::respond::json;
use crate::shared::Shared;

/// The agents, in the order of the stack.
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Response {
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

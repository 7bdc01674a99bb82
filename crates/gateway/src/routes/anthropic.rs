//! Routes of Anthropic's dialect.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use harmonic_api::anthropic::{self, TokenCount};

use crate::answer;
use crate::api_error::ApiError;
use crate::capability;
use crate::respond::json;
use crate::shared::Shared;

/// Routes of Anthropic's dialect.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/messages", answer::route(anthropic::parse))
        .route("/v1/messages/count_tokens", post(count_tokens))
}

/// Counts the tokens of a prompt.
async fn count_tokens(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (request, fields) = shared.bodies.json(request, anthropic::decode_count).await?;
    let models = shared.models();
    let (agent, _) = models.find(&request.agent)?;
    capability::check_count(agent, &request, &fields)?;
    let request = harmonic_types::Request { agent: agent.name.clone(), ..request };
    let tokens = agent.engine.count_tokens(request).await?;
    Ok(json(StatusCode::OK, &TokenCount { input_tokens: tokens.0 }))
}

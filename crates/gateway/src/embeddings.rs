//! Embeddings: requests are parsed, checked and refused, because no engine computes them yet.

use std::sync::Arc;

use axum::extract::{Request, State};
use harmonic_api::{decode_embed, decode_embeddings};
use harmonic_types::AgentName;

use crate::api_error::ApiError;
use crate::shared::Shared;

/// `POST /v1/embeddings`.
pub(crate) async fn openai(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<(), ApiError> {
    refuse(&shared, shared.bodies.json(request, decode_embeddings).await?)
}

/// `POST /api/embed` and `POST /api/embeddings`.
pub(crate) async fn ollama(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<(), ApiError> {
    refuse(&shared, shared.bodies.json(request, decode_embed).await?)
}

fn refuse(shared: &Arc<Shared>, name: AgentName) -> Result<(), ApiError> {
    let models = shared.models();
    let (agent, _) = models.find(&name)?;
    Err(ApiError::NoEmbeddings { agent: name, model: agent.model.clone() })
}

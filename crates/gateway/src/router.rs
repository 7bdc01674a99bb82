//! Which path goes where.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::api_error::ApiError;
use crate::shared::Shared;
use crate::{chat, health, models, span};

/// The server's routes over `shared`.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/models", get(models::list))
        .route("/health", get(health::health))
        .fallback(async |request: Request| ApiError::NoSuchPath {
            path: request.uri().path().to_owned(),
        })
        .method_not_allowed_fallback(async |request: Request| ApiError::WrongMethod {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
        })
        .layer(DefaultBodyLimit::max(shared.config.body_limit))
        .layer(from_fn_with_state(Arc::clone(&shared), span::span))
        .with_state(shared)
}

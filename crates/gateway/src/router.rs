//! Routes of the server and the order of its middleware.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;

use crate::api_error::{ApiError, error_layer};
use crate::shared::Shared;
use crate::{access, events, health, metrics, openapi, ready, root, routes, slots, span};

/// Router with all routes and middleware over `shared`.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let routes = routes::routes()
        .route("/", get(root::root))
        .route("/health", get(health::health))
        .route("/ready", get(ready::ready))
        .route("/metrics", get(metrics::scrape))
        .route("/slots", get(slots::slots))
        .route("/events", get(events::events))
        .route("/openapi.json", get(openapi::openapi))
        .fallback(async |request: Request| ApiError::PathNotFound {
            path: request.uri().path().to_owned(),
        })
        .method_not_allowed_fallback(async |request: Request| ApiError::MethodNotAllowed {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
        })
        .layer(from_fn_with_state(Arc::clone(&shared.access), access::check_access));
    // Outside of the access check: browsers send preflight requests without a key.
    let routes = match shared.access.origins.layer() {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes
        .layer(from_fn_with_state(shared.config.head_limit, access::check_head))
        .layer(from_fn(error_layer))
        .layer(from_fn_with_state(Arc::clone(&shared.metrics), metrics::count))
        .layer(from_fn_with_state(Arc::clone(&shared), span::span))
        .with_state(shared)
}

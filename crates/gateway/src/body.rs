//! Reading a request's body, within limits.

use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use bytes::Bytes;

use crate::api_error::ApiError;
use crate::shared::Shared;

/// The whole body of `request`, whatever its content type says.
///
/// # Errors
/// When it is too large, comes too slowly, or breaks off.
pub(crate) async fn read(shared: &Arc<Shared>, request: Request) -> Result<Bytes, ApiError> {
    let limit = shared.config.body_limit;
    // Announced: refused before it is sent.
    if request.body().size_hint().lower() > limit as u64 {
        return Err(ApiError::TooLarge { limit });
    }
    // The extractor keeps to the limit that the router set.
    let body = Bytes::from_request(request, shared);
    match tokio::time::timeout(shared.config.body_timeout, body).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(ApiError::TooLarge { limit })
        }
        Ok(Err(rejection)) => Err(ApiError::BrokenBody { reason: rejection.body_text() }),
        Err(_) => Err(ApiError::SlowBody { within: shared.config.body_timeout }),
    }
}

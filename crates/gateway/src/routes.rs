//! The paths of each dialect, a file for each.

use std::sync::Arc;

use axum::Router;

use crate::shared::Shared;

mod anthropic;
mod ollama;
mod openai;

/// The paths of all dialects.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    openai::routes().merge(ollama::routes()).merge(anthropic::routes())
}

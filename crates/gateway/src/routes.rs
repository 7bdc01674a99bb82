//! Routes of the dialects, one file for each.

use std::sync::Arc;

use axum::Router;

use crate::shared::Shared;

mod anthropic;
mod ollama;
mod openai;

/// Routes of all dialects.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    openai::routes().merge(ollama::routes()).merge(anthropic::routes())
}

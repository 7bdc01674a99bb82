//! Routes of the dialects and of runs, one file for each.

use std::sync::Arc;

use axum::Router;

use crate::shared::Shared;

mod anthropic;
mod ollama;
mod openai;
mod run_tools;
mod runs;

/// All of them.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    openai::routes()
        .merge(ollama::routes())
        .merge(anthropic::routes())
        .merge(runs::routes())
        .merge(run_tools::routes())
}

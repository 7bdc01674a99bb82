//! Routes of the dialects, of runs and of A2A, one file for each.

use std::sync::Arc;

use axum::Router;

use crate::access::Caller;
use crate::runs::RunOwner;
use crate::shared::Shared;

mod a2a;
mod anthropic;
mod ollama;
mod openai;
mod own_run;
mod responses;
mod run_tools;
mod runs;

/// Owner of the runs and responses of `caller`.
fn owner(caller: Option<&Caller>) -> RunOwner {
    RunOwner(caller.map(|caller| Arc::clone(&caller.name)))
}

/// All of them.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    openai::routes()
        .merge(responses::routes())
        .merge(ollama::routes())
        .merge(anthropic::routes())
        .merge(runs::routes())
        .merge(run_tools::routes())
        .merge(a2a::routes())
}

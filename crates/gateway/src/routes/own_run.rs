//! What the routes of runs begin with: the runs of the server, who asks, and for which run.
//!
//! Invariants: an id that has not the form of one is that of no run, and reaches no storage.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts, RawPathParams};
use axum::http::request::Parts;
use harmonic_types::RunId;

use super::owner;
use crate::access::Caller;
use crate::api_error::ApiError;
use crate::event_chunks::shortened;
use crate::runs::{RunOwner, Runs, RunsError};
use crate::shared::Shared;

/// The runs of whoever asks.
pub(super) struct OwnRuns {
    pub(super) runs: Arc<dyn Runs>,
    pub(super) owner: RunOwner,
    pub(super) may_approve_commands: bool,
}

impl FromRequestParts<Arc<Shared>> for OwnRuns {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let runs = shared.models().runs().cloned().ok_or(ApiError::RunsDisabled)?;
        let Ok(caller) =
            <Caller as OptionalFromRequestParts<_>>::from_request_parts(parts, shared).await;
        let may_approve_commands = caller.as_ref().is_none_or(|caller| caller.may_approve_commands);
        Ok(Self { runs, owner: owner(caller.as_ref()), may_approve_commands })
    }
}

/// A run of whoever asks, by the first variable segment of the path.
pub(super) struct OwnRun {
    pub(super) own: OwnRuns,
    pub(super) id: RunId,
}

impl FromRequestParts<Arc<Shared>> for OwnRun {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let own = OwnRuns::from_request_parts(parts, shared).await?;
        let text = segment(parts, shared, 0).await?;
        let id = RunId::parse(&text).ok_or_else(|| RunsError::unknown_run(shortened(text)))?;
        Ok(Self { own, id })
    }
}

/// What a run has by a name of its own: the second variable segment of the path.
pub(super) struct Part(pub(super) String);

impl FromRequestParts<Arc<Shared>> for Part {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        Ok(Self(segment(parts, shared, 1).await?))
    }
}

/// A variable segment of the path, or that of no run where it is not UTF-8.
async fn segment(
    parts: &mut Parts,
    shared: &Arc<Shared>,
    position: usize,
) -> Result<String, RunsError> {
    let segments = RawPathParams::from_request_parts(parts, shared).await;
    let segments = segments.map_err(|_| RunsError::unknown_run("�"))?;
    let found = segments.iter().nth(position).map(|(_, segment)| segment.to_owned());
    found.ok_or_else(|| RunsError::unknown_run("�"))
}

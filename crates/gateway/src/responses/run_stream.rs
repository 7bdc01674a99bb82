//! The stream of a run as a response, of which no events are in memory: after a restart of the
//! server, or long after its end.
//!
//! Invariant: its events have whole documents, except the answer of a run whose stream is read from
//! its beginning.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use harmonic_api::openai::responses::{Response as Document, ResponsesEncoder};
use harmonic_api::runs::RunChange;
use harmonic_api::{ResponseEncoder, sse};
use harmonic_orchestrator::RunEvent;
use harmonic_types::{RunId, RunState};
use tokio::time::timeout;

use super::error::ResponsesError;
use crate::api_error::ApiError;
use crate::event_chunks;
use crate::runs::{RunDelivery, RunEvents, RunOwner, Runs, RunsError};

/// Model of a response that is made of a run.
const MODEL: &str = "team";

/// The run `run` of `owner` as a response.
///
/// # Errors
/// Where the owner has no such run: of the response `id`.
pub(crate) async fn document(
    runs: &Arc<dyn Runs>,
    owner: RunOwner,
    run: RunId,
    id: &str,
) -> Result<Document, ApiError> {
    let record = runs.show(owner, run).await.map_err(|error| of_response(error, id))?;
    Ok(Document::of_run(&record, MODEL))
}

/// The error of a run as that of the response `id`.
pub(crate) fn of_response(error: RunsError, id: &str) -> ApiError {
    match error {
        RunsError::NotFound { .. } => ResponsesError::NotFound { id: id.to_owned() }.into(),
        other => other.into(),
    }
}

/// Streams the run `run` of `owner` as the response `id`, after the event `after`.
///
/// # Errors
/// As [`document`].
pub(crate) async fn streamed(
    runs: Arc<dyn Runs>,
    owner: RunOwner,
    run: RunId,
    id: &str,
    after: Option<u64>,
    ping: Duration,
) -> Result<Response, ApiError> {
    let events = runs.events(owner.clone(), run.clone(), None).await;
    let events = events.map_err(|error| of_response(error, id))?;
    let document = document(&runs, owner.clone(), run.clone(), id).await?;
    let feed = Feed {
        runs,
        owner,
        run,
        events,
        encoder: ResponsesEncoder::resuming(document, after),
        is_unsent: after.is_none(),
        is_stopped: false,
        stage: Stage::New,
        ping: ping.max(Duration::from_millis(1)),
    };
    Ok(event_chunks::response(futures::stream::unfold(feed, |mut feed| async {
        let chunk = feed.next().await?;
        Some((chunk, feed))
    })))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Following,
    Ended,
}

struct Feed {
    runs: Arc<dyn Runs>,
    owner: RunOwner,
    run: RunId,
    events: RunEvents,
    encoder: ResponsesEncoder,
    /// Whether the client has nothing of the answer.
    is_unsent: bool,
    /// Whether somebody stopped the run; otherwise its server stops, and it goes on later.
    is_stopped: bool,
    stage: Stage,
    ping: Duration,
}

impl Feed {
    /// The next chunk; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        match self.stage {
            Stage::New => {
                self.stage = Stage::Following;
                self.encoder.open(0, &mut out);
            }
            Stage::Following => loop {
                match timeout(self.ping, self.events.next()).await {
                    Ok(Some(delivery)) => self.is_stopped |= stops(&delivery),
                    Ok(None) => {
                        self.stage = Stage::Ended;
                        // Where it is gone meanwhile, the stream breaks off.
                        let record = self.runs.show(self.owner.clone(), self.run.clone()).await;
                        let record = record.ok()?;
                        if record.state == RunState::Stopped && !self.is_stopped {
                            return None;
                        }
                        self.encoder.end_as(&record, self.is_unsent, &mut out);
                        break;
                    }
                    Err(_) => {
                        sse::write_ping(&mut out);
                        break;
                    }
                }
            },
            Stage::Ended => return None,
        }
        Some(out.freeze())
    }
}

/// Whether `delivery` says that somebody stopped the run.
fn stops(delivery: &RunDelivery) -> bool {
    match delivery {
        RunDelivery::Snapshot(snapshot) => snapshot.record.state == RunState::Stopped,
        RunDelivery::Update(update) => {
            update.change == RunChange::Run(RunEvent::State { state: RunState::Stopped })
        }
        RunDelivery::Lost(_) => false,
    }
}

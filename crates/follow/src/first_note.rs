//! What a server says of a run before anything happens in it.

use futures::StreamExt;
use harmonic_api::runs::RunChange;
use harmonic_api::{Client, RunNews};
use harmonic_orchestrator::RunEvent;
use harmonic_types::RunId;

use crate::error::FollowError;

/// Why the tasks of the run `id`, which was just made, are found in this way, where the server chose;
/// `None` where it did not, or the run has ended. The snapshot that [`crate::follow()`] begins with does
/// not hold it.
///
/// # Errors
/// When the server does not answer.
pub async fn first_note(client: &Client, id: &RunId) -> Result<Option<String>, FollowError> {
    let mut events = client.run_events(id, Some(0)).await?;
    let first = events.next().await.transpose()?;
    Ok(match first {
        Some(RunNews::Update(update)) => match update.change {
            RunChange::Run(RunEvent::Note { text }) => Some(text),
            _ => None,
        },
        Some(RunNews::Snapshot(_) | RunNews::Lost(_)) | None => None,
    })
}

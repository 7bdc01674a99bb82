//! One run of a server, from its request to its record.

use std::time::Duration;

use futures::StreamExt;
use harmonic_api::runs::CreateRun;
use harmonic_api::{Client, ClientError};
use harmonic_types::{RunId, RunRecord};
use tokio_util::sync::CancellationToken;

use crate::error::Result;

/// Times that a broken stream is taken up again.
const RECONNECTIONS: u32 = 5;

/// Pause before each of them.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);

/// Does a run and removes it: hundreds of them would displace those of the user. `None` where a stop
/// was requested.
///
/// # Errors
/// When the server does not do it.
pub(super) async fn run(
    wanted: &CreateRun,
    client: &Client,
    stop: &CancellationToken,
) -> Result<Option<RunRecord>> {
    if stop.is_cancelled() {
        return Ok(None);
    }
    let id = client.create_run(wanted).await?.id;
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => Ok(None),
        ended = ended(&id, client) => ended.map(Some),
    };
    let removed = client.remove_run(&id).await;
    let record = ended?;
    removed?;
    Ok(record)
}

/// The record of a run when it has ended.
async fn ended(id: &RunId, client: &Client) -> Result<RunRecord, ClientError> {
    let mut left = RECONNECTIONS;
    loop {
        match followed(id, client).await {
            Err(ClientError::Unreachable { .. } | ClientError::BrokenOff { .. }) if left > 0 => {
                left -= 1;
                tokio::time::sleep(RECONNECT_AFTER).await;
            }
            Err(error) => return Err(error),
            Ok(()) => return client.run(id).await,
        }
    }
}

async fn followed(id: &RunId, client: &Client) -> Result<(), ClientError> {
    let mut news = client.run_events(id, None).await?;
    while let Some(event) = news.next().await {
        event?;
    }
    Ok(())
}

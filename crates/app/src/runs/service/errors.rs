//! Errors of the service, as clients see them.

use std::time::Duration;

use harmonic_gateway::RunsError;
use harmonic_journal::JournalError;
use harmonic_types::RunId;

use crate::runs::entry::ReadError;

/// Time until a retry where the disk is full or the server stops.
const RETRY: Duration = Duration::from_mins(1);

/// The error of the journal of `run`.
pub(super) fn of_journal(error: JournalError, run: &RunId) -> RunsError {
    match error {
        JournalError::NotFound { .. } | JournalError::InvalidId { .. } => {
            RunsError::unknown_run(run.0.as_str())
        }
        JournalError::Locked { .. } => RunsError::Conflict { message: error.to_string() },
        JournalError::NoSpace { .. } => {
            RunsError::Unavailable { message: error.to_string(), retry_after: RETRY }
        }
        other => RunsError::Failed { message: other.to_string() },
    }
}

/// The error of a run that cannot be read.
pub(super) fn of_reading(error: ReadError, run: &RunId) -> RunsError {
    match error {
        ReadError::Journal(error) => of_journal(error, run),
        other => RunsError::Failed { message: format!("run `{run}` cannot be read: {other}") },
    }
}

/// The server is stopping.
pub(super) fn stopping() -> RunsError {
    RunsError::Unavailable {
        message: "the server is stopping; unfinished runs go on when it starts again".to_owned(),
        retry_after: RETRY,
    }
}

/// Does blocking work on a thread for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RunsError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| stopping())
}

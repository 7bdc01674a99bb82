//! Errors of the service, as clients see them.

use std::time::Duration;

use harmonic_fsutil::FileError;
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
            tracing::warn!(run = %run, %error, "a run cannot be written");
            RunsError::Unavailable { message: without_paths(&error, run), retry_after: RETRY }
        }
        other => {
            tracing::warn!(run = %run, error = %other, "a run cannot be used");
            RunsError::Failed { message: without_paths(&other, run) }
        }
    }
}

/// What `error` says to clients: paths of this machine are for its log.
fn without_paths(error: &JournalError, run: &RunId) -> String {
    let what = match error {
        JournalError::NoSpace { what, .. } => {
            return format!(
                "the server has no space for {what} of run `{run}`: free some, then resume the \
                 run; nothing that was written before is lost"
            );
        }
        JournalError::Damaged { line, reason, .. } => {
            format!("line {line} of its journal is damaged ({reason})")
        }
        JournalError::NotAJournal { reason, .. } => format!("its journal is none ({reason})"),
        JournalError::OtherVersion { schema, expected, .. } => {
            format!("its journal has the schema `{schema}`: expected `{expected}`")
        }
        JournalError::File(FileError::Io { action, source, .. }) => {
            format!("its files cannot be used (to {action}: {})", source.kind())
        }
        JournalError::File(FileError::TooLong { bytes, limit, .. }) => {
            format!("a file of it has {bytes} bytes, more than the limit of {limit}")
        }
        JournalError::File(FileError::Link { .. } | FileError::NotAFile { .. }) => {
            "a file of it is not a regular file".to_owned()
        }
        // They name no path.
        other => return other.to_string(),
    };
    format!(
        "run `{run}` cannot be used: {what}; the log of the server names the file. `DELETE \
         /runs/{run}` removes the run"
    )
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

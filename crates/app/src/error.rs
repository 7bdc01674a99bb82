//! Errors of the app, with their remedies.
//!
//! Invariant: an error of a crate below is in the chain of sources of the error that wraps it.

use std::error::Error;
use std::io;

use harmonic_api::ClientError;
use harmonic_bench::{BenchError, LevelsError, TargetError};
use harmonic_engine::EngineError;
use harmonic_export::ExportError;
use harmonic_fsutil::FileError;
use harmonic_gateway::GatewayError;
use harmonic_hardware::HardwareError;
use harmonic_import::ImportError;
use harmonic_launcher::{InstanceError, LaunchError, PlanFileError};
use harmonic_models::ModelError;
use harmonic_planner::PlanError;
use harmonic_profiles::ProfileError;
use harmonic_report::png::PngError;
use harmonic_stack::StackError;
use harmonic_tune::TuneError;
use tokio::task::JoinError;

/// Result of an app function.
pub type Result<T, E = AppError> = std::result::Result<T, E>;

/// An error of the app, or of a crate below it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The request cannot be fulfilled.
    #[error("{message}")]
    Refused {
        /// The cause: lower case, without a full stop.
        message: String,
        /// The remedy.
        hint: String,
    },
    /// An error with its context.
    #[error("{context}")]
    Context {
        /// What failed, such as `cannot write logs`.
        context: String,
        /// The error itself.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The hardware cannot be detected.
    #[error("{0}")]
    Hardware(#[from] HardwareError),
    /// An unknown stack or an invalid stack file.
    #[error("{0}")]
    Stack(#[from] StackError),
    /// A model cannot be found, fetched or converted.
    #[error("{0}")]
    Model(#[from] ModelError),
    /// The stack cannot be planned.
    #[error("{0}")]
    Plan(#[from] PlanError),
    /// Curves or tuned configs cannot be read or written.
    #[error("{0}")]
    Profile(#[from] ProfileError),
    /// The deployment did not start.
    #[error("{0}")]
    Launch(#[from] LaunchError),
    /// The plan file cannot be read or is invalid.
    #[error("{0}")]
    PlanFile(#[from] PlanFileError),
    /// A record of a running instance cannot be read or written.
    #[error("{0}")]
    Instance(#[from] InstanceError),
    /// The HTTP server cannot start, or failed.
    #[error("{0}")]
    Gateway(#[from] GatewayError),
    /// A request to a server failed.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// The benchmark cannot run.
    #[error("{0}")]
    Bench(#[from] BenchError),
    /// The server does not answer the prefill probe.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// Invalid levels of parallelism.
    #[error("{0}")]
    Levels(#[from] LevelsError),
    /// The comparison of settings failed.
    #[error("{0}")]
    Tune(#[from] TuneError),
    /// The plan cannot be exported.
    #[error("{0}")]
    Export(#[from] ExportError),
    /// The settings of another program cannot be imported.
    #[error("{0}")]
    Import(#[from] ImportError),
    /// The plot cannot be drawn.
    #[error("{0}")]
    Plot(#[from] PngError),
    /// A file cannot be read or written.
    #[error("{0}")]
    File(#[from] FileError),
    /// Error of the operating system.
    #[error("{0}")]
    System(#[from] io::Error),
    /// A task panicked.
    #[error("{0}")]
    Task(#[from] JoinError),
    /// The HTTP server ended without a stop.
    #[error("the HTTP server ended unexpectedly")]
    ServerEnded,
}

impl AppError {
    /// [`AppError::Refused`] with this message and hint.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: hint.into() }
    }

    /// The user stopped the command.
    pub fn stopped() -> Self {
        Self::refused("stopped", "nothing is left running; the same command starts again")
    }

    /// [`AppError::Context`] for `map_err`.
    pub(crate) fn context<E>(context: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let context = context.into();
        move |source| Self::Context { context, source: source.into() }
    }
}

/// Remedy of `error` itself, not of its causes; shown beside its message.
pub fn hint(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(AppError::Refused { hint, .. }) = error.downcast_ref() {
        return Some(hint.clone());
    }
    if let Some(ClientError::Status { status: 401, .. }) = error.downcast_ref() {
        let hint = "set HARMONIC_API_KEY, which our commands send, to a key of the server";
        return Some(hint.to_owned());
    }
    if let Some(error) = error.downcast_ref::<ExportError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<TuneError>() {
        return error.hint();
    }
    error.downcast_ref::<BenchError>().and_then(BenchError::hint).map(str::to_owned)
}

/// Whether `error` itself, not its causes, is one that a user cannot prevent.
pub fn is_unexpected(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(EngineError::Died { .. }))
        || matches!(error.downcast_ref(), Some(LaunchError::Panicked { .. }))
        || matches!(error.downcast_ref(), Some(GatewayError::Accept(_)))
        || error.is::<JoinError>()
}

/// An error and its causes in one line, without causes that the message before repeats.
pub(crate) fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut previous = error.to_string();
    let mut line = previous.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !previous.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        previous = text;
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_every_cause_once() {
        let died = EngineError::Died { id: "one".to_owned(), message: "bug".to_owned() };
        let launch =
            LaunchError::Engine { id: "one".to_owned(), model: "m".to_owned(), source: died };
        let error = AppError::from(launch);
        let shown = one_line(&error);
        assert!(shown.starts_with("the engine one for m did not start: "), "{shown}");
        assert_eq!(shown.matches("did not start").count(), 1, "{shown}");
    }

    #[test]
    fn the_source_of_a_crate_below_is_found_in_the_chain() {
        let died = EngineError::Died { id: "one".to_owned(), message: "bug".to_owned() };
        let launch =
            LaunchError::Engine { id: "one".to_owned(), model: "m".to_owned(), source: died };
        let error = AppError::from(launch);
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        let mut found = false;
        while let Some(error) = cause {
            found |= is_unexpected(error);
            cause = error.source();
        }
        assert!(found);
        let refused = AppError::refused("no", "do");
        assert_eq!(hint(&refused).as_deref(), Some("do"));
    }
}

//! Reasons why the app could not do what it was asked, each with its remedy where it has one.
//!
//! Invariant: an error of a lower room is the source of the one that holds it, so that whoever walks
//! the chain finds it.

use std::error::Error;
use std::io;

use harmonic_api::ClientError;
use harmonic_bench::{BenchError, LevelsError, TargetError};
use harmonic_engine::EngineError;
use harmonic_export::ExportError;
use harmonic_fsutil::FileError;
use harmonic_gateway::GatewayError;
use harmonic_hardware::HardwareError;
use harmonic_launcher::{LaunchError, PlanFileError, RunError};
use harmonic_models::ModelError;
use harmonic_planner::PlanError;
use harmonic_profiles::ProfileError;
use harmonic_report::png::PngError;
use harmonic_stack::StackError;
use harmonic_tune::TuneError;
use tokio::task::JoinError;

/// What an app function returns.
pub type Result<T, E = AppError> = std::result::Result<T, E>;

/// A failure of the app, or of a room below it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Asked for something that cannot be.
    #[error("{message}")]
    Refused {
        /// What was asked for: lower case, without a full stop.
        message: String,
        /// What to do instead.
        hint: String,
    },
    /// Something failed on the way to `doing`.
    #[error("{doing}")]
    While {
        /// What cannot be done.
        doing: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The machine cannot be described.
    #[error("{0}")]
    Hardware(#[from] HardwareError),
    /// A stack that is none.
    #[error("{0}")]
    Stack(#[from] StackError),
    /// A model that cannot be found, fetched, or converted.
    #[error("{0}")]
    Model(#[from] ModelError),
    /// The stack does not fit.
    #[error("{0}")]
    Plan(#[from] PlanError),
    /// Curves or tuned configs that cannot be read or written.
    #[error("{0}")]
    Profile(#[from] ProfileError),
    /// No deployment.
    #[error("{0}")]
    Launch(#[from] LaunchError),
    /// A plan file that is none.
    #[error("{0}")]
    PlanFile(#[from] PlanFileError),
    /// A record of running deployments that cannot be read or written.
    #[error("{0}")]
    Run(#[from] RunError),
    /// The HTTP server.
    #[error("{0}")]
    Gateway(#[from] GatewayError),
    /// A server that was asked.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// A measurement that did not start.
    #[error("{0}")]
    Bench(#[from] BenchError),
    /// A server that does not answer the probe of its prompt rate.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// Levels that cannot be measured.
    #[error("{0}")]
    Levels(#[from] LevelsError),
    /// A comparison of settings.
    #[error("{0}")]
    Tune(#[from] TuneError),
    /// A plan that cannot be exported.
    #[error("{0}")]
    Export(#[from] ExportError),
    /// A plot that cannot be drawn.
    #[error("{0}")]
    Plot(#[from] PngError),
    /// A small file.
    #[error("{0}")]
    File(#[from] FileError),
    /// The operating system refuses.
    #[error("{0}")]
    System(#[from] io::Error),
    /// A task that panicked.
    #[error("{0}")]
    Task(#[from] JoinError),
    /// The HTTP server has ended though nobody told it to.
    #[error("the server ended by itself")]
    ServerEnded,
}

impl AppError {
    /// A refusal from its parts.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: hint.into() }
    }

    /// The user stopped it.
    pub fn stopped() -> Self {
        Self::refused("stopped", "nothing is left running; the same command starts again")
    }

    /// For `map_err`: what could not be done, and why.
    pub(crate) fn doing<E>(doing: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let doing = doing.into();
        move |source| Self::While { doing, source: source.into() }
    }
}

/// The remedy that `error` names beside its message, its causes left out.
pub fn hint(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(AppError::Refused { hint, .. }) = error.downcast_ref() {
        return Some(hint.clone());
    }
    if let Some(ClientError::Status { status: 401, .. }) = error.downcast_ref() {
        let hint = "HARMONIC_API_KEY is what our commands send: set it to one of its keys";
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

/// Whether `error`, its causes left out, is one that no user could have prevented.
pub fn is_unexpected(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(EngineError::Died { .. }))
        || matches!(error.downcast_ref(), Some(LaunchError::Panicked { .. }))
        || matches!(error.downcast_ref(), Some(GatewayError::Accept(_)))
        || error.is::<JoinError>()
}

/// An error and its causes in one line; a cause that the message before repeats is left out.
pub(crate) fn line(error: &(dyn Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut line = said.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        said = text;
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
        let shown = line(&error);
        assert!(shown.starts_with("the engine one for m did not start: "), "{shown}");
        assert_eq!(shown.matches("did not start").count(), 1, "{shown}");
    }

    #[test]
    fn the_room_below_is_found_in_the_chain() {
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

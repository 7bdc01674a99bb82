//! Errors of the command line itself, and the remedy of any error.

use harmonic_process::Stopped;

/// Error message and remedy.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    message: String,
    hint: String,
}

impl CliError {
    /// Error with message and hint: lower case, no full stop.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// Remedy of `error`, if its message does not contain it.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if cause.is::<Stopped>() {
            return Some("nothing is left running; the same command starts again".to_owned());
        }
        match cause.downcast_ref::<CliError>() {
            Some(error) => Some(error.hint.clone()),
            None => harmonic_app::hint(cause),
        }
    })
}

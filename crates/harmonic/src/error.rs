//! An error of the command line itself, with its remedy; and the remedy of any error.

/// What went wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    message: String,
    hint: String,
}

impl CliError {
    /// An error from its parts: lower case, without a full stop.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    /// The user pressed Ctrl-C.
    pub fn stopped() -> Self {
        Self::new("stopped", "nothing is left running; the same command starts again")
    }
}

/// The remedy, where it is not in the message already.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| match cause.downcast_ref::<CliError>() {
        Some(error) => Some(error.hint.clone()),
        None => harmonic_app::hint(cause),
    })
}

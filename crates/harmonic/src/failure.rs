//! An error of the command line itself, with its remedy; and the remedy of any error.

use std::fmt;

use harmonic_api::ClientError;
use harmonic_bench::BenchError;
use harmonic_export::ExportError;
use harmonic_tune::TuneError;

/// What went wrong and what to do.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: String,
}

impl Failure {
    /// A failure from its parts: lower case, without a full stop.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    /// The user pressed Ctrl-C.
    pub fn stopped() -> Self {
        Self::new("stopped", "nothing is left running; the same command starts again")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The remedy, where it is not in the message already.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return Some(failure.hint.clone());
        }
        if let Some(ClientError::Status { status: 401, .. }) = cause.downcast_ref() {
            let hint = "HARMONIC_API_KEY is what our commands send: set it to one of its keys";
            return Some(hint.to_owned());
        }
        if let Some(error) = cause.downcast_ref::<ExportError>() {
            return error.hint();
        }
        if let Some(error) = cause.downcast_ref::<TuneError>() {
            return error.hint();
        }
        cause.downcast_ref::<BenchError>().and_then(BenchError::hint).map(str::to_owned)
    })
}

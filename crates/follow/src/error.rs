//! Errors of following a run.

use std::io;

use harmonic_api::ClientError;
use harmonic_app::AppError;

/// Why a run was not followed to its end.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The server does not answer, or not as expected.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The request cannot be fulfilled.
    #[error(transparent)]
    App(#[from] AppError),
    /// The output failed.
    #[error(transparent)]
    Output(#[from] io::Error),
}

//! Failures of a call, in words for a model and its user.

use std::error::Error;

use harmonic_api::ClientError;
use harmonic_app::AppError;
use rmcp::model::{CallToolResult, ContentBlock};

/// Remedy where no server answers.
const NO_SERVER: &str = "`harmonic up --detach` starts a team, `harmonic ps` lists those that run";

/// Why a call has no result, with a remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    fn of(error: &(dyn Error + 'static), remedy: Option<&str>) -> Self {
        let hint = harmonic_app::hint(error);
        Self(match hint.as_deref().or(remedy) {
            Some(remedy) => format!("{error}: {remedy}"),
            None => error.to_string(),
        })
    }

    /// The result that says so.
    pub(crate) fn result(&self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(self.0.clone())])
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let remedy = matches!(error, ClientError::Unreachable { .. }).then_some(NO_SERVER);
        Self::of(&error, remedy)
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Client(error) => error.into(),
            error => Self::of(&error, None),
        }
    }
}

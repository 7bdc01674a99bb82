//! What the service knows of evaluations.

use std::path::PathBuf;
use std::sync::Arc;

use harmonic_api::runs::{RunApproach, RunMode};
use harmonic_gateway::RunsError;

use super::RunService;
use super::errors::blocking;
use crate::runs::verdicts::Verdicts;

impl RunService {
    /// Lets runs whose approach the server chooses heed the verdicts in `folder`.
    pub fn set_verdicts(&self, folder: PathBuf) {
        // Once: the folder of a server does not change.
        let _ = self.shared.verdicts.set(folder);
    }

    /// What evaluations have found of the team; nothing for a run that does not ask the server.
    pub(super) async fn verdicts(&self, approach: &RunApproach) -> Result<Verdicts, RunsError> {
        let is_open = *approach == RunApproach::Mode(RunMode::Auto);
        let Some(folder) = self.shared.verdicts.get().filter(|_| is_open).cloned() else {
            return Ok(Verdicts::default());
        };
        let team = Arc::clone(&self.shared.team);
        blocking(move || Verdicts::read(&folder, &team)).await
    }
}

//! Runs that are started from inside of others.
//!
//! Invariants: a token is that of an open run of the same owner, or of none; what a run inside of
//! another may spend is reserved there before it starts.

use std::sync::{Arc, PoisonError};

use harmonic_api::runs::RunRequest;
use harmonic_gateway::{RunOwner, RunsError};
use harmonic_orchestrator::RunSpec;
use harmonic_types::{RunId, RunToken};

use super::verbs::not_driven;
use super::{OpenRun, RunService, owner_name};
use crate::runs::driver::{Command, Descent};

impl OpenRun {
    /// Lets the run of `spec` be one that is inside of this one.
    pub(super) async fn adopt(&self, spec: &RunSpec) -> Result<Descent, RunsError> {
        let (run, goal, budget) = (spec.id.clone(), spec.goal.text.clone(), spec.budget);
        // One that ends at the same time has ended.
        let adopted = self.ask(|reply| Command::Adopt { run, goal, budget, reply }).await;
        adopted.ok_or_else(unknown_token)?
    }
}

impl RunService {
    /// The run from inside of which `owner` asks for `request`; `None` from elsewhere.
    pub(super) fn above(
        &self,
        owner: &RunOwner,
        request: &RunRequest,
    ) -> Result<Option<Arc<OpenRun>>, RunsError> {
        let Some(token) = &request.within else { return Ok(None) };
        self.of_token(owner, token).map(Some).ok_or_else(unknown_token)
    }

    /// Lets `token`, which the tools know that a process of the client offers, count as one of the run
    /// `id`. That of an earlier process counts no more.
    pub(super) fn learn_token(&self, id: &RunId, token: RunToken) -> Result<(), RunsError> {
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.tokens.get(&token) {
            Some(known) if known == id => return Ok(()),
            Some(_) => {
                let message = format!(
                    "the token in the header `{}` is that of another run: choose a random one",
                    RunToken::OFFERED_HEADER
                );
                return Err(RunsError::Conflict { message });
            }
            None => {}
        }
        let Some(run) = open.runs.get(id) else { return Err(not_driven(id)) };
        let mut offered = run.offered_token.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = offered.replace(token.clone());
        drop(offered);
        if let Some(earlier) = earlier {
            open.tokens.remove(&earlier);
        }
        open.tokens.insert(token, id.clone());
        Ok(())
    }

    /// The open run of `owner` whose tools know `token`.
    fn of_token(&self, owner: &RunOwner, token: &RunToken) -> Option<Arc<OpenRun>> {
        let open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        let run = open.runs.get(open.tokens.get(token)?)?;
        (run.owner == owner_name(owner)).then(|| Arc::clone(run))
    }
}

/// Refuses to resume a run that is inside of another: nobody waits for it, and its parent's
/// budget is another one by now.
pub(super) fn check_is_first(spec: &RunSpec) -> Result<(), RunsError> {
    let Some(parent) = spec.lineage.parent() else { return Ok(()) };
    Err(RunsError::Conflict {
        message: format!(
            "run `{}` was started from inside of run `{}`, and cannot be resumed by itself: resume \
             that one",
            spec.id, parent.id
        ),
    })
}

/// The same for a token that never was, one of an ended run, and one of another owner's.
fn unknown_token() -> RunsError {
    RunsError::Conflict {
        message: format!(
            "no open run of yours has the token in the header `{}`: it has ended or was stopped, or runs \
             on another server. Without the header (unset {}) a run of its own starts",
            RunToken::HEADER,
            RunToken::VARIABLE
        ),
    }
}

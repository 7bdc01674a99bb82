//! What the service does with the runs of an earlier process, and with old ones.

use harmonic_api::runs::{RunReplay, RunSummary as EndedRun};
use harmonic_gateway::{RunOwner, RunsError};
use harmonic_journal::RunSummary;
use harmonic_orchestrator::Input;
use harmonic_types::{RunId, RunState, RunToken};
use tokio_util::sync::CancellationToken;

use super::errors::{blocking, of_journal, of_reading};
use super::inside::check_is_first;
use super::stored::StoredRun;
use super::{Ready, RunService};
use crate::runs::driver::is_final;
use crate::runs::entry::{Entry, JournalledRun, ReadError};
use crate::runs::new_run::refused;
use crate::runs::replay::replay;

impl RunService {
    /// Lets the unfinished runs of an earlier process go on: those that were neither stopped by a
    /// person nor lived as long as a request, of this stack. Returns their number.
    pub async fn recover(&self) -> usize {
        let service = self.clone();
        let Ok(Ok(listing)) = blocking(move || service.shared.store.list()).await else { return 0 };
        let mut resumed = 0;
        for listed in listing.runs {
            if listed.summary.is_some_and(|summary| summary.finished) {
                continue;
            }
            let id = listed.header.run;
            match self.recover_one(&id).await {
                Ok(true) => resumed += 1,
                Ok(false) => {}
                Err(error) => tracing::warn!(run = %id, %error, "a run was not resumed"),
            }
        }
        self.clone().remove_old();
        resumed
    }

    /// Resumes a run of an earlier process, if it is one of those.
    async fn recover_one(&self, id: &RunId) -> Result<bool, RunsError> {
        let (service, run) = (self.clone(), id.clone());
        let stored = blocking(move || match service.journalled(&run) {
            Ok(journalled) => StoredRun::fold(journalled).map(Some),
            // Its process ended before it began.
            Err(ReadError::NotOpened) => {
                let removed = service.shared.store.remove(&run);
                removed.map(|()| None).map_err(|error| of_journal(error, &run))
            }
            Err(error) => Err(of_reading(error, &run)),
        });
        let Some(stored) = stored.await?? else { return Ok(false) };
        let state = stored.run.state();
        let is_ours = stored.opened.stack == self.shared.team.stack;
        if is_final(&state) {
            self.finish_summary(id, &stored).await?;
        }
        // What has started a run inside of another one is gone, and the other one starts it anew.
        let is_inside = stored.run.spec().lineage.parent().is_some();
        let rests = is_final(&state)
            || state == RunState::Stopped
            || stored.opened.is_attached
            || is_inside;
        if rests || !is_ours {
            return Ok(false);
        }
        self.continue_run(id, None).await?;
        Ok(true)
    }

    /// Writes the summary of a run whose process ended before it could.
    async fn finish_summary(&self, id: &RunId, stored: &StoredRun) -> Result<(), RunsError> {
        let detail = serde_json::to_value(stored.view().summary()).unwrap_or_default();
        let (service, run) = (self.clone(), id.clone());
        let written = blocking(move || {
            let (journal, _) = service.shared.store.resume::<Entry>(&run)?;
            journal.set_summary(RunSummary { finished: true, detail })
        });
        written.await?.map_err(|error| of_journal(error, id))
    }

    /// Opens the journal of a run that is not driven, and drives it; for `owner`, where one is given.
    pub(super) async fn continue_run(
        &self,
        id: &RunId,
        owner: Option<String>,
    ) -> Result<(), RunsError> {
        let place = self.place()?;
        let (service, run) = (self.clone(), id.clone());
        let opened = blocking(move || {
            let (journal, recovered) =
                service.shared.store.resume::<Entry>(&run).map_err(|e| of_journal(e, &run))?;
            let journalled = JournalledRun::of(recovered, |artifact| journal.artifact(artifact));
            let journalled = journalled.map_err(|error| of_reading(error, &run))?;
            Ok::<_, RunsError>((journal, StoredRun::fold(journalled)?))
        });
        let (journal, stored) = opened.await??;
        if owner.is_some_and(|owner| owner != stored.owner) {
            return Err(RunsError::unknown_run(id.0.as_str()));
        }
        if is_final(&stored.run.state()) {
            return Err(RunsError::Conflict {
                message: format!("run `{id}` has ended: there is nothing to resume"),
            });
        }
        check_is_first(stored.run.spec())?;
        let team = &self.shared.team;
        let agents = &stored.run.spec().agents;
        if let Some(missing) = agents.iter().find(|agent| team.member(&agent.name).is_none()) {
            return Err(RunsError::Conflict {
                message: format!(
                    "run `{id}` needs the agent `{}` of the stack `{}`, which this team does not \
                     have: resume it on the team that it was started on",
                    missing.name, stored.opened.stack
                ),
            });
        }
        let (sets, workspace) = (stored.opened.tools.clone(), stored.opened.workspace.clone());
        let token = RunToken::of(super::random()?);
        let client = stored.client_tools();
        let tools = self.open_tools(sets, workspace, token.clone(), &client).await;
        let tools = tools.map_err(|reason| RunsError::Conflict {
            message: format!("run `{id}` cannot be resumed: {reason}"),
        })?;
        let first = if stored.inputs == 0 { Input::Started } else { Input::Resumed };
        let StoredRun { owner, run, past, last_ms, .. } = stored;
        let parent = None;
        let ready = Ready { run, past, journal, last_ms, tools, token, parent, place, first };
        self.drive(&owner, ready, CancellationToken::new())
    }

    /// Lets a run that is not driven go on.
    pub(super) async fn resume_run(&self, owner: &RunOwner, id: &RunId) -> Result<(), RunsError> {
        if self.open_run(owner, id).is_some() {
            return Err(RunsError::Conflict { message: format!("run `{id}` runs already") });
        }
        // Before its lock, which tells that it exists.
        self.stored(owner, id).await?.check_rests()?;
        self.continue_run(id, Some(super::owner_name(owner))).await
    }

    /// Runs a recorded run of `owner` again, without a model.
    pub(super) async fn replay_run(
        &self,
        owner: &RunOwner,
        id: &RunId,
    ) -> Result<RunReplay, RunsError> {
        if !is_final(&self.stored(owner, id).await?.run.state()) {
            return Err(RunsError::Conflict {
                message: format!("run `{id}` has not ended: a run is replayed after its end"),
            });
        }
        let (service, run) = (self.clone(), id.clone());
        blocking(move || {
            let journalled = service.journalled(&run).map_err(|error| of_reading(error, &run))?;
            let ended = service.written_summary(&run)?;
            replay(&journalled, ended.as_ref()).map_err(|error| refused(&error))
        })
        .await?
    }

    /// The summary that the driver of a run wrote at its end. Blocks.
    fn written_summary(&self, id: &RunId) -> Result<Option<EndedRun>, RunsError> {
        let listing = self.shared.store.list().map_err(|error| of_journal(error, id))?;
        let listed = listing.runs.into_iter().find(|listed| listed.header.run == *id);
        let summary = listed.and_then(|listed| listed.summary).filter(|summary| summary.finished);
        Ok(summary.and_then(|summary| serde_json::from_value(summary.detail).ok()))
    }

    /// Removes finished runs beyond those that are kept, on a thread of its own.
    pub(super) fn remove_old(self) {
        tokio::task::spawn_blocking(move || {
            match self.shared.store.keep(self.shared.limits.kept) {
                Ok(kept) => {
                    for skipped in kept.skipped {
                        tracing::warn!(path = %skipped.path.display(), "{}", skipped.reason);
                    }
                }
                Err(error) => tracing::warn!(%error, "old runs were not removed"),
            }
        });
    }
}

//! Runs that are not driven, from their journals.

use harmonic_api::runs::RunSummary;
use harmonic_gateway::{RunOwner, RunsError};
use harmonic_journal::{JournalError, RunListing};
use harmonic_orchestrator::{Action, Run};
use harmonic_types::{RunId, RunRecord, RunState};

use super::errors::{blocking, of_journal, of_reading};
use super::{RunService, owner_name};
use crate::runs::driver::{Past, RunView, is_final};
use crate::runs::entry::{JournalledRun, Opened, ReadError};
use crate::runs::new_run::refused;

/// A run, as its journal has it.
pub(super) struct StoredRun {
    pub(super) owner: String,
    pub(super) opened: Opened,
    pub(super) run: Run,
    pub(super) past: Past,
    pub(super) last_ms: u64,
    /// Entries after the first.
    pub(super) inputs: usize,
    /// Why nobody may change it here, where another process drives it.
    pub(super) driven_elsewhere: Option<RunsError>,
}

impl StoredRun {
    /// The run that `journalled` adds up to.
    pub(super) fn fold(journalled: JournalledRun) -> Result<Self, RunsError> {
        let JournalledRun { owner, opened, inputs, last_ms, warning } = journalled;
        if let Some(warning) = warning {
            tracing::warn!(run = %opened.spec.id, "{warning}");
        }
        let mut run = Run::new(opened.spec.clone()).map_err(|error| refused(&error))?;
        let mut past = Past::new(opened.note.clone());
        let count = inputs.len();
        for (at_ms, input) in inputs {
            for action in run.apply(at_ms, input) {
                if let Action::Publish { event } = action {
                    past.note(&event);
                }
            }
        }
        Ok(Self { owner, opened, run, past, last_ms, inputs: count, driven_elsewhere: None })
    }

    /// Refuses what only the process that drives the run can do.
    pub(super) fn check_rests(&self) -> Result<(), RunsError> {
        self.driven_elsewhere.clone().map_or(Ok(()), Err)
    }

    /// The run as it is while no driver of this process has it.
    pub(super) fn view(&self) -> RunView {
        let record = self.run.record();
        let record = if self.driven_elsewhere.is_some() { record } else { resting(record) };
        let approvals = self.run.approvals();
        RunView { last_update: 0, open: Vec::new(), record, approvals }
    }
}

/// The record of a run that nobody drives: what has not ended was interrupted.
fn resting(mut record: RunRecord) -> RunRecord {
    if !is_final(&record.state) {
        record.state = RunState::Stopped;
    }
    record
}

impl RunService {
    /// The run `id` of `owner`, from its journal.
    pub(super) async fn stored(
        &self,
        owner: &RunOwner,
        id: &RunId,
    ) -> Result<StoredRun, RunsError> {
        let (service, id, owner) = (self.clone(), id.clone(), owner_name(owner));
        blocking(move || {
            service.check_owner(&owner, &id)?;
            // Before it is read: one that is found free afterwards may have ended meanwhile.
            let driven_elsewhere = match service.shared.store.check_free(&id) {
                Ok(()) => None,
                Err(locked @ JournalError::Locked { .. }) => Some(of_journal(locked, &id)),
                Err(error) => return Err(of_journal(error, &id)),
            };
            let journalled = service.journalled(&id).map_err(|error| of_reading(error, &id))?;
            let stored = StoredRun::fold(journalled)?;
            let driven_elsewhere = driven_elsewhere.filter(|_| !is_final(&stored.run.state()));
            Ok(StoredRun { driven_elsewhere, ..stored })
        })
        .await?
    }

    /// Checks that the run `id` belongs to `owner`; for all others it does not exist, whatever
    /// state its journal is in. Blocks.
    ///
    /// A run whose header cannot be read has no owner that is known: it is an error for the owner
    /// without a key, who is alone, and unknown to each key.
    pub(super) fn check_owner(&self, owner: &str, id: &RunId) -> Result<(), RunsError> {
        match self.shared.store.header(id) {
            Ok(header) if header.owner == owner => Ok(()),
            Err(error) if owner.is_empty() => Err(of_journal(error, id)),
            Ok(_) | Err(_) => Err(RunsError::unknown_run(id.0.as_str())),
        }
    }

    /// Removes the run `id` of `owner`, also one that cannot be read. Blocks.
    pub(super) fn remove_stored(&self, owner: &str, id: &RunId) -> Result<(), RunsError> {
        match self.check_owner(owner, id) {
            // Its owner has no key, so the run can be nobody else's.
            Ok(()) | Err(RunsError::Failed { .. }) => {}
            Err(error) => return Err(error),
        }
        self.shared.store.remove(id).map_err(|error| of_journal(error, id))
    }

    /// Reads the journal of a run. Blocks.
    pub(super) fn journalled(&self, id: &RunId) -> Result<JournalledRun, ReadError> {
        let store = &self.shared.store;
        let recovered = store.read(id)?;
        JournalledRun::of(recovered, |artifact| store.artifact(id, artifact))
    }

    /// Summaries of the runs of `owner`, newest first.
    pub(super) async fn summaries(
        &self,
        owner: &RunOwner,
        limit: usize,
    ) -> Result<Vec<RunSummary>, RunsError> {
        let service = self.clone();
        let listing = blocking(move || service.shared.store.list()).await?;
        let unknown = RunId(String::new());
        let listing = listing.map_err(|error| of_journal(error, &unknown))?;
        for skipped in &listing.skipped {
            tracing::warn!(path = %skipped.path.display(), "{}", skipped.reason);
        }
        let own = owner_name(owner);
        let runs = listing.runs.into_iter().rev().filter(|run| run.header.owner == own);
        let mut summaries = Vec::new();
        for listed in runs.take(limit) {
            if let Some(summary) = self.summary(owner, listed).await {
                summaries.push(summary);
            }
        }
        Ok(summaries)
    }

    /// Summary of a listed run: as it is now, if it is driven; as it was written, if it has ended;
    /// else from its journal, which may be longer. `None` where it is gone or cannot be read.
    async fn summary(&self, owner: &RunOwner, listed: RunListing) -> Option<RunSummary> {
        let id = listed.header.run;
        if let Some(open) = self.open_run(owner, &id)
            && let Some(view) = open.view().await
        {
            return Some(view.summary());
        }
        let written = listed.summary.filter(|summary| summary.finished);
        let written = written.and_then(|summary| serde_json::from_value(summary.detail).ok());
        match written {
            Some(summary) => Some(summary),
            None => Some(self.stored(owner, &id).await.ok()?.view().summary()),
        }
    }
}

//! Writer of a run's journal from async code.
//!
//! Invariant: `append` returns after everything that it was given is written, and flushed where an
//! input of it asks for that; inputs that arrived together share one flush.

use harmonic_journal::{Durability, Journal, JournalError, RunSummary};
use harmonic_orchestrator::Input;
use harmonic_types::RunId;

use super::entry::{Entry, durability};

/// Writer of a run's journal.
#[derive(Debug)]
pub(crate) struct JournalWriter {
    run: RunId,
    /// `None` while a thread writes, and after one has panicked.
    journal: Option<Journal<Entry>>,
}

impl JournalWriter {
    pub(crate) fn new(journal: Journal<Entry>) -> Self {
        Self { run: journal.header().run.clone(), journal: Some(journal) }
    }

    /// Appends `inputs`, in their order, with their times.
    ///
    /// # Errors
    /// A part of them may be written then, from the first on.
    pub(crate) async fn append(&mut self, inputs: Vec<(u64, Input)>) -> Result<(), JournalError> {
        let is_synced = |(_, input): &(u64, Input)| durability(input) == Durability::Synced;
        let flushed = inputs.iter().rposition(is_synced);
        self.blocking(move |journal| {
            for (index, (at_ms, input)) in inputs.into_iter().enumerate() {
                let is_last = flushed == Some(index);
                let durability = if is_last { Durability::Synced } else { Durability::Buffered };
                write(journal, at_ms, &Entry::Input { input }, durability)?;
            }
            Ok(())
        })
        .await
    }

    /// Replaces the summary.
    pub(crate) async fn summarise(&mut self, summary: RunSummary) -> Result<(), JournalError> {
        self.blocking(move |journal| journal.set_summary(summary)).await
    }

    async fn blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Journal<Entry>) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let broken = || JournalError::Broken { id: self.run.clone() };
        let mut journal = self.journal.take().ok_or_else(broken)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&mut journal);
            (journal, done)
        });
        // A panic, or a runtime that is shutting down.
        let (journal, done) = done.await.map_err(|_| broken())?;
        self.journal = Some(journal);
        done
    }
}

/// Writes `entry`, and before it the artifact that it is stored in, if it is long.
pub(crate) fn write(
    journal: &mut Journal<Entry>,
    at_ms: u64,
    entry: &Entry,
    durability: Durability,
) -> Result<(), JournalError> {
    let invalid =
        |source| JournalError::Entry { id: journal.header().run.clone(), number: 0, source };
    let (line, artifact) = entry.to_line().map_err(invalid)?;
    if let Some(artifact) = artifact {
        journal.put_artifact(&artifact)?;
    }
    journal.append(at_ms, &line, durability)?;
    Ok(())
}

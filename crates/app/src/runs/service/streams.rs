//! Event streams of runs.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use harmonic_api::runs::{RunSnapshot, RunSummary};
use harmonic_gateway::{RunDelivery, RunEvents, RunOwner, RunsError};
use harmonic_types::RunId;

use super::{OpenRun, RunService};
use crate::runs::driver::RunView;
use crate::runs::updates::{Heard, RunListener};

impl RunView {
    pub(crate) fn summary(&self) -> RunSummary {
        RunSummary::of(&self.record, self.approvals.len())
    }

    fn snapshot(self) -> RunDelivery {
        let Self { last_update: id, open, record, approvals } = self;
        RunDelivery::Snapshot(Arc::new(RunSnapshot { id, record, approvals, open }))
    }
}

impl RunService {
    /// The run now, driven or not.
    pub(in crate::runs) async fn view(
        &self,
        owner: &RunOwner,
        id: &RunId,
    ) -> Result<RunView, RunsError> {
        if let Some(open) = self.open_run(owner, id) {
            if let Some(view) = open.view().await {
                return Ok(view);
            }
            // Until then its driver may have the journal.
            open.closed.cancelled().await;
        }
        Ok(self.stored(owner, id).await?.view())
    }

    /// See [`harmonic_gateway::Runs::events`].
    pub(in crate::runs) async fn event_stream(
        &self,
        owner: RunOwner,
        id: RunId,
        after: Option<u64>,
    ) -> Result<RunEvents, RunsError> {
        let Some(open) = self.open_run(&owner, &id) else {
            let stored = self.stored(&owner, &id).await?;
            // Its events are in the other process, and its end is not here.
            stored.check_rests()?;
            return Ok(stream::iter([stored.view().snapshot()]).boxed());
        };
        let listener = open.updates.listen(after.unwrap_or(0));
        let needs_snapshot = after.is_none() || !listener.is_known();
        let service = self.clone();
        let feed =
            Feed { service, owner, id, open, listener, needs_snapshot, ready: VecDeque::new() };
        Ok(stream::unfold(feed, |mut feed| async {
            let delivery = feed.next().await?;
            Some((delivery, feed))
        })
        .boxed())
    }
}

/// Stream of one listener.
struct Feed {
    service: RunService,
    owner: RunOwner,
    id: RunId,
    open: Arc<OpenRun>,
    listener: RunListener,
    needs_snapshot: bool,
    ready: VecDeque<RunDelivery>,
}

impl Feed {
    async fn next(&mut self) -> Option<RunDelivery> {
        if let Some(delivery) = self.ready.pop_front() {
            return Some(delivery);
        }
        if std::mem::take(&mut self.needs_snapshot) {
            return self.snapshot().await;
        }
        match self.listener.next().await? {
            Heard::Lost(lost) => {
                self.needs_snapshot = true;
                Some(RunDelivery::Lost(lost))
            }
            Heard::Updates(updates) => {
                self.ready.extend(updates.into_iter().map(RunDelivery::Update));
                self.ready.pop_front()
            }
        }
    }

    async fn snapshot(&mut self) -> Option<RunDelivery> {
        let view = if let Some(view) = self.open.view().await {
            view
        } else {
            // It has ended meanwhile: all its updates are in what it left.
            let mut view = self.service.view(&self.owner, &self.id).await.ok()?;
            (view.last_update, _) = self.open.updates.open();
            view
        };
        self.listener.skip_to(view.last_update);
        Some(view.snapshot())
    }
}

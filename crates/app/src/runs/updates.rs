//! Updates of a run for those who watch it.
//!
//! Invariants: bounded; the run never waits for a listener; a listener that is too slow loses the
//! oldest updates and is told how many.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use harmonic_api::runs::{RunChange, RunUpdate};
use harmonic_orchestrator::{CallId, RunEvent, TaskId};
use harmonic_types::{RunState, TaskState};
use tokio::sync::watch;

use super::clock::RunClock;
use super::run_publisher::RunPublisher;

/// Updates that a listener may be behind.
const KEPT: usize = 1024;

/// Updates of one run while it is driven.
#[derive(Debug)]
pub(crate) struct Updates {
    clock: RunClock,
    /// Where ids and states are published, too.
    publisher: Option<RunPublisher>,
    kept: Mutex<Kept>,
    /// Id of the last update; closed with the run.
    last: Mutex<Option<watch::Sender<u64>>>,
    seen: watch::Receiver<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    last_id: u64,
    updates: VecDeque<Arc<RunUpdate>>,
    /// The last change of each task that is open.
    tasks: BTreeMap<TaskId, RunChange>,
    /// The last change of each call that is open.
    calls: BTreeMap<CallId, RunChange>,
}

impl Kept {
    /// Takes what `change` opens or closes.
    fn note(&mut self, change: &RunChange) {
        match change {
            RunChange::Run(RunEvent::Task { task, state, .. }) => match state {
                TaskState::Running | TaskState::WaitingForApproval => {
                    self.tasks.insert(*task, change.clone());
                }
                TaskState::Blocked | TaskState::Done | TaskState::Failed | TaskState::Skipped => {
                    self.tasks.remove(task);
                }
            },
            RunChange::Queued { call, .. }
            | RunChange::Granted { call, .. }
            | RunChange::Preempted { call, .. }
            | RunChange::ToolCalled { call, .. } => {
                self.calls.insert(*call, change.clone());
            }
            RunChange::CallEnded { call, .. } => {
                self.calls.remove(call);
            }
            RunChange::Run(_)
            | RunChange::Text { .. }
            | RunChange::Asked { .. }
            | RunChange::Withdrawn { .. }
            | RunChange::Spent { .. } => {}
        }
    }
}

impl Updates {
    pub(crate) fn new(clock: RunClock, publisher: Option<RunPublisher>) -> Self {
        let (last, seen) = watch::channel(0);
        Self { clock, publisher, kept: Mutex::default(), last: Mutex::new(Some(last)), seen }
    }

    /// Tells that the run is driven from now on.
    pub(crate) fn begin(&self) {
        if let Some(publisher) = &self.publisher {
            publisher.start();
        }
    }

    /// Keeps `change`, and wakes all who listen.
    pub(crate) fn send(&self, change: RunChange) {
        if let Some(publisher) = &self.publisher {
            publisher.publish(&change);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last_id += 1;
        let id = kept.last_id;
        kept.note(&change);
        kept.updates.push_back(Arc::new(RunUpdate { id, at_ms: self.clock.now_ms(), change }));
        if kept.updates.len() > KEPT {
            kept.updates.pop_front();
        }
        drop(kept);
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last {
            last.send_modify(|last| *last = id.max(*last));
        }
    }

    /// Tells that the run is driven no longer, because of `failure`.
    pub(crate) fn interrupted(&self, failure: &str) {
        let text = format!("the run is interrupted, and can be resumed: {failure}");
        self.send(RunChange::Run(RunEvent::Note { text }));
        self.send(RunChange::Run(RunEvent::State { state: RunState::Stopped }));
    }

    /// Ends all streams once their listeners have read what is kept.
    pub(crate) fn close(&self) {
        if let Some(publisher) = &self.publisher {
            publisher.end();
        }
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Id of the last update, 0 before the first; and what is open after it.
    pub(crate) fn open(&self) -> (u64, Vec<RunChange>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.last_id, kept.tasks.values().chain(kept.calls.values()).cloned().collect())
    }

    /// A listener to the updates after `after`.
    pub(crate) fn listen(self: &Arc<Self>, after: u64) -> RunListener {
        RunListener { updates: Arc::clone(self), after, seen: self.seen.clone() }
    }

    /// The updates after `after`, or how many of them are lost.
    fn after(&self, after: u64) -> Result<Vec<Arc<RunUpdate>>, u64> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let first = kept.updates.front().map_or(kept.last_id + 1, |first| first.id);
        if after + 1 < first {
            return Err(first - 1 - after);
        }
        let skipped = usize::try_from(after + 1 - first).unwrap_or(usize::MAX);
        Ok(kept.updates.iter().skip(skipped).cloned().collect())
    }
}

/// Listener to a run's updates.
#[derive(Debug)]
pub(crate) struct RunListener {
    updates: Arc<Updates>,
    after: u64,
    seen: watch::Receiver<u64>,
}

/// What a listener hears next.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Updates, in order.
    Updates(Vec<Arc<RunUpdate>>),
    /// Updates that are lost; the next ones are those after a snapshot of now.
    Lost(u64),
}

impl RunListener {
    /// Whether its next update is still known.
    pub(crate) fn is_known(&self) -> bool {
        self.after <= self.updates.open().0 && self.updates.after(self.after).is_ok()
    }

    /// Goes on after the update `id`.
    pub(crate) fn skip_to(&mut self, id: u64) {
        self.after = id;
    }

    /// What comes next; `None` after the last update.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        loop {
            // Before reading, so that what comes meanwhile wakes it.
            self.seen.mark_unchanged();
            match self.updates.after(self.after) {
                Err(lost) => {
                    self.after += lost;
                    return Some(Heard::Lost(lost));
                }
                Ok(updates) => {
                    if let Some(last) = updates.last() {
                        self.after = last.id;
                        return Some(Heard::Updates(updates));
                    }
                }
            }
            self.seen.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> RunChange {
        RunChange::Withdrawn { approval: harmonic_orchestrator::ApprovalId(1) }
    }

    #[tokio::test]
    async fn a_slow_listener_loses_the_oldest_updates_and_is_told() {
        let updates = Arc::new(Updates::new(RunClock::new(0, 0), None));
        let mut listener = updates.listen(0);
        for _ in 0..KEPT + 3 {
            updates.send(change());
        }
        assert!(!listener.is_known());
        let Some(Heard::Lost(3)) = listener.next().await else { panic!("three are lost") };
        let Some(Heard::Updates(kept)) = listener.next().await else { panic!("the rest is kept") };
        assert_eq!((kept.len(), kept[0].id, kept[KEPT - 1].id), (KEPT, 4, 1027));
        updates.close();
        assert!(listener.next().await.is_none());
    }

    #[tokio::test]
    async fn a_listener_goes_on_after_the_update_that_it_names() {
        let updates = Arc::new(Updates::new(RunClock::new(0, 0), None));
        for _ in 0..3 {
            updates.send(change());
        }
        let mut listener = updates.listen(2);
        assert!(listener.is_known() && !updates.listen(7).is_known());
        let Some(Heard::Updates(kept)) = listener.next().await else { panic!("one is left") };
        assert_eq!(kept.iter().map(|update| update.id).collect::<Vec<_>>(), [3]);
        let sending = async {
            tokio::task::yield_now().await;
            updates.send(change());
        };
        let (heard, ()) = tokio::join!(listener.next(), sending);
        assert!(heard.is_some());
    }
}

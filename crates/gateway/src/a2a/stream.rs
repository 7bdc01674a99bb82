//! The stream of a task.
//!
//! Invariants: the task comes first, and its last state last; the answer that the client has at the
//! end is the whole one, whatever was sent before. A stream without a last state was broken off,
//! and can be subscribed to again.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use harmonic_api::a2a::{RpcId, RpcResponse, StreamResponse, Task, TaskState, TaskStatus};
use harmonic_api::runs::{RunChange, RunUpdate};
use harmonic_api::sse;
use harmonic_orchestrator::{RunEvent, TaskId};
use harmonic_types::{RunId, RunRecord, RunState, TaskState as Progress};
use tokio::time::timeout;

use crate::event_chunks;
use crate::runs::{RunDelivery, RunEvents, RunOwner, Runs, RunsError};

/// Streams the run `run` of `owner` as the response to the request `id`: from now on, or, where it
/// `is_new`, from its start.
///
/// # Errors
/// As [`Runs::events`].
pub(super) async fn of_run(
    runs: Arc<dyn Runs>,
    owner: RunOwner,
    run: RunId,
    id: RpcId,
    is_new: bool,
    ping: Duration,
) -> Result<Response, RunsError> {
    let events = runs.events(owner.clone(), run.clone(), is_new.then_some(0)).await?;
    let record = if is_new { Some(runs.show(owner.clone(), run.clone()).await?) } else { None };
    let mut feed = Feed {
        runs,
        owner,
        run,
        id,
        events,
        ping: ping.max(Duration::from_millis(1)),
        started_ms: 0,
        sent: None,
        titles: BTreeMap::new(),
        is_stopped: false,
        ready: VecDeque::new(),
        has_ended: false,
    };
    if let Some(record) = record {
        // As it was before what is told next.
        let mut record = RunRecord::clone(&record);
        (record.state, record.answer) = (RunState::Running, None);
        feed.begin(&record);
    }
    Ok(event_chunks::response(futures::stream::unfold(feed, |mut feed| async {
        let chunk = feed.next().await?;
        Some((chunk, feed))
    })))
}

/// Whether a run in `state` does nothing before somebody does something.
pub(super) fn rests(state: &RunState) -> bool {
    *state != RunState::Running
}

/// The state that `update` tells.
pub(super) fn state(update: &RunUpdate) -> Option<&RunState> {
    match &update.change {
        RunChange::Run(RunEvent::State { state }) => Some(state),
        _ => None,
    }
}

struct Feed {
    runs: Arc<dyn Runs>,
    owner: RunOwner,
    run: RunId,
    id: RpcId,
    events: RunEvents,
    ping: Duration,
    /// Start of the run, in milliseconds since 1970.
    started_ms: u64,
    /// What of the answer was sent; `None` before the task.
    sent: Option<String>,
    titles: BTreeMap<TaskId, String>,
    /// Whether somebody stopped the run; otherwise its server stops, and it goes on later.
    is_stopped: bool,
    ready: VecDeque<StreamResponse>,
    has_ended: bool,
}

impl Feed {
    /// The next chunk; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        while self.ready.is_empty() && !self.has_ended {
            match timeout(self.ping, self.events.next()).await {
                Ok(Some(delivery)) => self.take(&delivery),
                Ok(None) => self.end().await,
                Err(_) => {
                    sse::write_ping(&mut out);
                    return Some(out.freeze());
                }
            }
        }
        for response in self.ready.drain(..) {
            sse::write(&mut out, &RpcResponse::new(self.id.clone(), &response));
        }
        (!out.is_empty()).then(|| out.freeze())
    }

    fn take(&mut self, delivery: &RunDelivery) {
        match delivery {
            RunDelivery::Snapshot(snapshot) => self.begin(&snapshot.record),
            // What is missing of the answer is sent at its end.
            RunDelivery::Lost(_) => {}
            RunDelivery::Update(update) => self.update(update),
        }
    }

    fn begin(&mut self, record: &RunRecord) {
        self.is_stopped |= record.state == RunState::Stopped;
        if self.sent.is_some() {
            return;
        }
        self.started_ms = record.started_ms;
        self.sent = Some(record.answer.clone().unwrap_or_default());
        // The end is told apart, once all of it is there.
        let mut task = Task::of_run(record, true);
        if task.status.state.is_terminal() {
            task.status = TaskStatus::of_run(&record.id, &RunState::Running, None);
        }
        self.ready.push_back(StreamResponse::Task(task));
    }

    fn update(&mut self, update: &RunUpdate) {
        match &update.change {
            RunChange::Run(RunEvent::State { state }) => {
                self.is_stopped |= *state == RunState::Stopped;
                if !TaskState::from(state).is_terminal() {
                    let status = TaskStatus::of_run(&self.run, state, Some(SystemTime::now()));
                    self.ready.push_back(StreamResponse::status(&self.run, status));
                }
            }
            RunChange::Run(RunEvent::Task { task, title, agent, state, .. }) => {
                self.titles.insert(*task, title.clone());
                let who = agent.as_ref().map_or_else(String::new, |agent| format!(" ({agent})"));
                let what = match state {
                    Progress::Blocked => return,
                    Progress::Running => "begins",
                    Progress::WaitingForApproval => "waits for a person",
                    Progress::Done => "is done",
                    Progress::Failed => "has failed",
                    Progress::Skipped => "is left out",
                };
                self.tell(update, format!("{title}{who} {what}"));
            }
            RunChange::Run(RunEvent::Note { text }) => self.tell(update, text.clone()),
            RunChange::ToolCalled { task, tool, .. } => {
                let title = self.titles.get(task).map_or("a task", String::as_str);
                self.tell(update, format!("{title} calls {tool}"));
            }
            RunChange::Text { text, answer: true, .. } if !text.is_empty() => {
                let sent = self.sent.get_or_insert_default();
                let append = !sent.is_empty();
                sent.push_str(text);
                self.ready.push_back(StreamResponse::answer(&self.run, text, append, false));
            }
            _ => {}
        }
    }

    /// Says what happens.
    fn tell(&mut self, update: &RunUpdate, text: String) {
        let status = TaskStatus::working(&self.run, update.id, text, self.started_ms, update.at_ms);
        self.ready.push_back(StreamResponse::status(&self.run, status));
    }

    /// Sends what is left of the answer, and the last state.
    async fn end(&mut self) {
        self.has_ended = true;
        // Where it is gone meanwhile, the stream breaks off.
        let Ok(record) = self.runs.show(self.owner.clone(), self.run.clone()).await else { return };
        let is_stopped = record.state == RunState::Stopped;
        if !TaskState::from(&record.state).is_terminal() || (is_stopped && !self.is_stopped) {
            return;
        }
        self.begin(&record);
        if let Some(answer) = &record.answer
            && self.sent.as_ref() != Some(answer)
        {
            self.ready.push_back(StreamResponse::answer(&self.run, answer, false, true));
        }
        let status = TaskStatus::of_run(&self.run, &record.state, Some(SystemTime::now()));
        self.ready.push_back(StreamResponse::status(&self.run, status));
    }
}

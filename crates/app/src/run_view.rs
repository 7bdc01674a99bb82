//! What a watcher knows of a run: the last snapshot with the later updates applied.
//!
//! Invariant: the state is a function of the updates so far; a lost update is mended by the snapshot
//! after it.

use std::collections::BTreeMap;

use harmonic_api::RunNews;
use harmonic_api::runs::{RunChange, RunSnapshot};
use harmonic_orchestrator::{Approval, ApprovalId, CallId, RunEvent, TaskId};
use harmonic_types::{AgentName, RunRecord, RunSpent, RunState, TaskState};

/// Bytes that are kept of what a task has generated: more than a line of any terminal shows.
const TAIL_BYTES: usize = 1024;

/// State of a run from the updates so far.
#[derive(Clone, Debug, Default)]
pub struct RunView {
    record: Option<RunRecord>,
    state: Option<RunState>,
    spent: RunSpent,
    lanes: BTreeMap<TaskId, Lane>,
    approvals: Vec<Approval>,
    last_id: Option<u64>,
    lost: u64,
}

/// An open task.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Title.
    pub title: String,
    /// Kind of work.
    pub kind: String,
    /// Its agent; `None` for a tool.
    pub agent: Option<AgentName>,
    /// State.
    pub state: TaskState,
    /// Open calls.
    pub calls: BTreeMap<CallId, CallPhase>,
    /// Turn of its conversation, from 0.
    pub turn: u32,
    /// Output tokens of each call so far.
    pub tokens: BTreeMap<CallId, u32>,
    /// End of what was generated last.
    pub tail: String,
}

/// Where an open call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallPhase {
    /// It waits for a slot.
    Queued,
    /// It has this slot.
    Granted(u32),
    /// Its slot was taken back.
    Preempted,
    /// This tool runs.
    Tool(String),
}

impl Lane {
    /// Output tokens so far.
    pub fn output_tokens(&self) -> u64 {
        self.tokens.values().map(|tokens| u64::from(*tokens)).sum()
    }
}

impl RunView {
    /// Applies what the stream of the run yielded.
    pub fn apply(&mut self, news: &RunNews) {
        match news {
            RunNews::Snapshot(snapshot) => self.replace(snapshot),
            RunNews::Lost(lost) => self.lost += lost,
            RunNews::Update(update) => {
                self.last_id = Some(update.id);
                self.change(&update.change);
            }
        }
    }

    fn replace(&mut self, snapshot: &RunSnapshot) {
        let lost = self.lost;
        *self = Self {
            record: Some(snapshot.record.clone()),
            state: Some(snapshot.record.state.clone()),
            spent: snapshot.record.spent,
            approvals: snapshot.approvals.clone(),
            last_id: (snapshot.id > 0).then_some(snapshot.id),
            lost,
            ..Self::default()
        };
        for change in &snapshot.open {
            self.change(change);
        }
    }

    fn change(&mut self, change: &RunChange) {
        match change {
            RunChange::Queued { task, call, turn, .. } => {
                if let Some(lane) = self.lanes.get_mut(task) {
                    lane.turn = *turn;
                    lane.calls.insert(*call, CallPhase::Queued);
                }
            }
            RunChange::Granted { task, call, slot } => {
                self.phase(*task, *call, CallPhase::Granted(*slot));
            }
            RunChange::Preempted { task, call } => self.phase(*task, *call, CallPhase::Preempted),
            RunChange::ToolCalled { task, call, tool, .. } => {
                self.phase(*task, *call, CallPhase::Tool(tool.clone()));
            }
            RunChange::Text { task, call, text, tokens, .. } => {
                if let Some(lane) = self.lanes.get_mut(task) {
                    lane.tokens.insert(*call, *tokens);
                    push_tail(&mut lane.tail, text);
                }
            }
            RunChange::CallEnded { task, call, .. } => {
                if let Some(lane) = self.lanes.get_mut(task) {
                    lane.calls.remove(call);
                }
            }
            RunChange::Asked { approval } => {
                self.withdraw(approval.id);
                self.approvals.push(approval.clone());
            }
            RunChange::Withdrawn { approval } => self.withdraw(*approval),
            RunChange::Spent { spent } => self.spent = *spent,
            RunChange::Run(event) => self.event(event),
        }
    }

    fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::State { state } => self.state = Some(state.clone()),
            RunEvent::Graph { graph, origin } => {
                if let Some(record) = &mut self.record {
                    record.graph = Some(graph.clone());
                    record.origin.clone_from(origin);
                }
            }
            RunEvent::Task { task, title, kind, agent, state, .. } => match state {
                TaskState::Running | TaskState::WaitingForApproval => {
                    let lane = self.lanes.entry(*task).or_insert_with(|| Lane {
                        title: title.clone(),
                        kind: kind.clone(),
                        agent: agent.clone(),
                        state: *state,
                        calls: BTreeMap::new(),
                        turn: 0,
                        tokens: BTreeMap::new(),
                        tail: String::new(),
                    });
                    lane.state = *state;
                }
                TaskState::Blocked | TaskState::Done | TaskState::Failed | TaskState::Skipped => {
                    self.lanes.remove(task);
                }
            },
            RunEvent::Decided { approval, .. } => self.withdraw(*approval),
            RunEvent::Note { .. } => {}
        }
    }

    fn phase(&mut self, task: TaskId, call: CallId, phase: CallPhase) {
        if let Some(lane) = self.lanes.get_mut(&task) {
            lane.calls.insert(call, phase);
        }
    }

    fn withdraw(&mut self, id: ApprovalId) {
        self.approvals.retain(|approval| approval.id != id);
    }

    /// The record of the last snapshot, with the graph since then; `None` before the first.
    pub fn record(&self) -> Option<&RunRecord> {
        self.record.as_ref()
    }

    /// State; `None` before the first snapshot.
    pub fn state(&self) -> Option<&RunState> {
        self.state.as_ref()
    }

    /// Whether it goes on, as far as is known.
    pub fn is_open(&self) -> bool {
        let open = [RunState::Running, RunState::WaitingForApproval];
        self.state.as_ref().is_none_or(|state| open.contains(state))
    }

    /// What it has spent.
    pub fn spent(&self) -> RunSpent {
        self.spent
    }

    /// The open task `id`.
    pub fn lane(&self, id: TaskId) -> Option<&Lane> {
        self.lanes.get(&id)
    }

    /// The open tasks, in order of their creation.
    pub fn lanes(&self) -> impl Iterator<Item = (TaskId, &Lane)> {
        self.lanes.iter().map(|(id, lane)| (*id, lane))
    }

    /// The open questions, oldest first.
    pub fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// Id of the last update; `None` before the first.
    pub fn last_id(&self) -> Option<u64> {
        self.last_id
    }

    /// Updates that this watcher was too slow for.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

/// Appends `text` to `tail`, whose beginning gives way.
fn push_tail(tail: &mut String, text: &str) {
    tail.push_str(text);
    if tail.len() > 2 * TAIL_BYTES {
        let from = tail.ceil_char_boundary(tail.len() - TAIL_BYTES);
        tail.drain(..from);
    }
}

#[cfg(test)]
mod tests {
    use harmonic_api::runs::RunUpdate;
    use harmonic_types::{RunBudget, RunId};

    use super::*;

    fn record() -> RunRecord {
        RunRecord {
            schema: RunRecord::SCHEMA.to_owned(),
            id: RunId("run_01JABCDEFGHJKMNPQRSTVWXYZ0".to_owned()),
            goal: "count".to_owned(),
            origin: "solo".to_owned(),
            started_ms: 0,
            state: RunState::Running,
            graph: None,
            tasks: Vec::new(),
            answer: None,
            budget: RunBudget::default(),
            spent: RunSpent::default(),
            parent: None,
            children: Vec::new(),
        }
    }

    fn snapshot(id: u64, open: Vec<RunChange>) -> RunNews {
        let (record, approvals) = (record(), Vec::new());
        RunNews::Snapshot(Box::new(RunSnapshot { id, record, approvals, open }))
    }

    fn task(state: TaskState) -> RunChange {
        let (title, kind) = ("Count".to_owned(), "ask".to_owned());
        let (task, agent, reason) = (TaskId(1), Some("coder".into()), None);
        RunChange::Run(RunEvent::Task { task, title, kind, agent, state, reason })
    }

    fn queued(call: u64) -> RunChange {
        RunChange::Queued { task: TaskId(1), call: CallId(call), agent: "coder".into(), turn: 2 }
    }

    fn granted(call: u64) -> RunChange {
        RunChange::Granted { task: TaskId(1), call: CallId(call), slot: 3 }
    }

    fn text(call: u64, text: &str, tokens: u32) -> RunChange {
        let (task, call, text) = (TaskId(1), CallId(call), text.to_owned());
        RunChange::Text { task, call, text, tokens, answer: false }
    }

    fn view(news: impl IntoIterator<Item = RunNews>) -> RunView {
        let mut view = RunView::default();
        news.into_iter().for_each(|news| view.apply(&news));
        view
    }

    fn updates(changes: Vec<RunChange>) -> impl Iterator<Item = RunNews> {
        changes
            .into_iter()
            .zip(1..)
            .map(|(change, id)| RunNews::Update(Box::new(RunUpdate { id, at_ms: id, change })))
    }

    #[test]
    fn a_lane_follows_its_calls_and_is_gone_with_its_task() {
        let running = task(TaskState::Running);
        let changes =
            vec![running, queued(1), granted(1), text(1, "one ", 1), queued(2), text(1, "two", 2)];
        let seen = view([snapshot(0, Vec::new())].into_iter().chain(updates(changes.clone())));
        let (_, lane) = seen.lanes().next().unwrap();
        let phases = [(CallId(1), CallPhase::Granted(3)), (CallId(2), CallPhase::Queued)];
        assert_eq!(lane.calls, BTreeMap::from(phases));
        assert_eq!((lane.output_tokens(), lane.tail.as_str(), lane.turn), (2, "one two", 2));
        assert_eq!(seen.last_id(), Some(6));

        let mut ended = changes;
        let end =
            RunChange::CallEnded { task: TaskId(1), call: CallId(1), error: None, is_cut: false };
        ended.extend([end, task(TaskState::Done)]);
        let seen = view([snapshot(0, Vec::new())].into_iter().chain(updates(ended)));
        assert_eq!(seen.lanes().count(), 0);
    }

    #[test]
    fn who_comes_later_sees_the_same_lanes() {
        let open = vec![task(TaskState::Running), queued(1), granted(1)];
        let early = view([snapshot(0, Vec::new())].into_iter().chain(updates(open.clone())));
        let late = view([snapshot(3, open)]);
        assert!(early.lanes().eq(late.lanes()));
        assert_eq!(early.last_id(), late.last_id());
    }

    #[test]
    fn what_belongs_to_no_open_task_changes_nothing() {
        let stray = vec![queued(1), granted(1), text(1, "one", 1), task(TaskState::Failed)];
        let seen = view([snapshot(0, Vec::new())].into_iter().chain(updates(stray)));
        assert_eq!(seen.lanes().count(), 0);
    }

    #[test]
    fn the_end_of_a_long_text_is_kept() {
        let changes = (0..500).map(|n| text(1, "é漢 ", n));
        let all = [task(TaskState::Running)].into_iter().chain(changes).collect();
        let seen = view([snapshot(0, Vec::new())].into_iter().chain(updates(all)));
        let (_, lane) = seen.lanes().next().unwrap();
        assert!(lane.tail.len() <= 2 * TAIL_BYTES && lane.tail.ends_with("漢 "));
    }
}

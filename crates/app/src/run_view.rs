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

//! Runs in the stream: their states, and those that are driven as part of the snapshot.
//!
//! Invariants: bounded by the runs that a server drives at once and the tasks of each; a run leaves
//! the snapshot when it ends.

use harmonic_types::{AgentName, RunId, RunState};
use serde::{Deserialize, Serialize};

use crate::audience::Audience;
use crate::event::TeamEvent;
use crate::record::EventRecord;

/// State of a run, without the reasons, which are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It runs.
    Running,
    /// It cannot go on before a person has answered.
    WaitingForApproval,
    /// It was interrupted, and can be resumed.
    Stopped,
    /// It has its answer.
    Done,
    /// It has a partial answer.
    Partial,
    /// It has no answer.
    Failed,
}

impl RunStatus {
    /// Its name, as on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::WaitingForApproval => "waiting_for_approval",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

impl From<&RunState> for RunStatus {
    fn from(state: &RunState) -> Self {
        match state {
            RunState::Running => Self::Running,
            RunState::WaitingForApproval => Self::WaitingForApproval,
            RunState::Stopped => Self::Stopped,
            RunState::Done => Self::Done,
            RunState::Partial { .. } => Self::Partial,
            RunState::Failed { .. } => Self::Failed,
        }
    }
}

/// Answer to a question of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalOutcome {
    /// Yes.
    Approved,
    /// No.
    Denied,
    /// No, since nobody answered in time.
    TimedOut,
    /// None is needed any more.
    Withdrawn,
}

impl ApprovalOutcome {
    /// Its name, as on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::TimedOut => "timed_out",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A run that is driven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenRun {
    /// Its id.
    pub run: RunId,
    /// Its state.
    pub state: RunStatus,
    /// Its tasks that were offered and have not ended, in order of their ids.
    pub tasks: Vec<OpenTask>,
    /// Its open questions, in order of their ids.
    pub approvals: Vec<u64>,
    /// Listeners that may see it.
    #[serde(skip)]
    pub audience: Audience,
}

/// A task that was offered and has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTask {
    /// Its id within the run.
    pub task: u32,
    /// Its agent; null for a tool.
    pub agent: Option<AgentName>,
    /// Whether it has begun.
    pub has_started: bool,
    /// Its slot; null where it has none.
    pub slot: Option<u32>,
}

/// Folds an event of a run into `runs`; other events change nothing.
pub(crate) fn apply(runs: &mut Vec<OpenRun>, record: &EventRecord) {
    match &record.event {
        TeamEvent::RunStarted { run } => {
            runs.retain(|open| open.run != *run);
            runs.push(OpenRun {
                run: run.clone(),
                state: RunStatus::Running,
                tasks: Vec::new(),
                approvals: Vec::new(),
                audience: record.audience.clone(),
            });
        }
        TeamEvent::RunEnded { run, .. } => runs.retain(|open| open.run != *run),
        TeamEvent::RunState { run, state } => {
            if let Some(open) = find(runs, run) {
                open.state = *state;
            }
        }
        TeamEvent::TaskOffered { run, task, agent } => {
            if let Some(open) = find(runs, run) {
                let at = open.tasks.partition_point(|known| known.task < *task);
                open.tasks.retain(|known| known.task != *task);
                let agent = agent.clone();
                open.tasks
                    .insert(at, OpenTask { task: *task, agent, has_started: false, slot: None });
            }
        }
        TeamEvent::TaskStarted { run, task, slot } => {
            let open = find(runs, run);
            let task =
                open.and_then(|open| open.tasks.iter_mut().find(|known| known.task == *task));
            if let Some(task) = task {
                (task.has_started, task.slot) = (true, *slot);
            }
        }
        TeamEvent::TaskEnded { run, task, .. } => {
            if let Some(open) = find(runs, run) {
                open.tasks.retain(|known| known.task != *task);
            }
        }
        TeamEvent::ApprovalOpened { run, approval } => {
            if let Some(open) = find(runs, run)
                && let Err(at) = open.approvals.binary_search(approval)
            {
                open.approvals.insert(at, *approval);
            }
        }
        TeamEvent::ApprovalAnswered { run, approval, .. } => {
            if let Some(open) = find(runs, run) {
                open.approvals.retain(|known| known != approval);
            }
        }
        _ => {}
    }
}

fn find<'a>(runs: &'a mut [OpenRun], run: &RunId) -> Option<&'a mut OpenRun> {
    runs.iter_mut().find(|open| open.run == *run)
}

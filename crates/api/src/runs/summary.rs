//! Lists of runs and of approvals.

use harmonic_orchestrator::Approval;
use harmonic_types::{RunId, RunRecord, RunSpent, RunState, TaskState};
use serde::{Deserialize, Serialize};

/// Characters of a goal in a list.
const SHOWN_GOAL: usize = 200;

/// Response of `GET /runs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunList {
    /// [`RunList::SCHEMA`].
    pub schema: String,
    /// The runs, newest first.
    pub runs: Vec<RunSummary>,
}

impl RunList {
    /// Schema of this version.
    pub const SCHEMA: &str = "harmonic.runs/1";

    /// List of `runs`, newest first.
    pub fn new(runs: Vec<RunSummary>) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), runs }
    }
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its id.
    pub id: RunId,
    /// Beginning of its goal.
    pub goal: String,
    /// Where its graph came from, as in [`RunRecord::origin`].
    pub origin: String,
    /// Time of its start, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// State.
    #[serde(flatten)]
    pub state: RunState,
    /// Tasks that are known.
    pub tasks: u32,
    /// Tasks that are done.
    pub tasks_done: u32,
    /// Questions that wait for a person.
    pub approvals: u32,
    /// What it has spent.
    pub spent: RunSpent,
}

impl RunSummary {
    /// Summary of `record`, whose run has `approvals` open questions.
    pub fn of(record: &RunRecord, approvals: usize) -> Self {
        let done = record.tasks.iter().filter(|task| task.state == TaskState::Done).count();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            id: record.id.clone(),
            goal: beginning(&record.goal),
            origin: record.origin.clone(),
            started_ms: record.started_ms,
            state: record.state.clone(),
            tasks: count(record.tasks.len()),
            tasks_done: count(done),
            approvals: count(approvals),
            spent: record.spent,
        }
    }
}

/// Beginning of a goal, in one line.
fn beginning(goal: &str) -> String {
    let mut words = goal.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(SHOWN_GOAL) {
        words.truncate(end);
        words.push('…');
    }
    words
}

/// Response of `GET /runs/{id}/approvals`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalList {
    /// [`ApprovalList::SCHEMA`].
    pub schema: String,
    /// The open questions, oldest first.
    pub approvals: Vec<Approval>,
}

impl ApprovalList {
    /// Schema of this version.
    pub const SCHEMA: &str = "harmonic.run-approvals/1";

    /// List of `approvals`, oldest first.
    pub fn new(approvals: Vec<Approval>) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), approvals }
    }
}

//! The record of a run: what was done, by whom, when, and at what cost; enough to show it.

use serde::{Deserialize, Serialize};

use crate::run_budget::{RunBudget, RunSpent};
use crate::stack::AgentName;
use crate::task_graph::TaskGraph;

/// Identifier of a run: `run_` and 26 characters of Crockford's base 32, ascending with time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl RunId {
    /// Beginning of every id.
    const PREFIX: &str = "run_";
    /// Characters after it.
    const LENGTH: usize = 26;

    /// The id `text`; `None` where it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        // Crockford's base 32: no I, L, O and U.
        let is_digit = |byte: u8| {
            byte.is_ascii_alphanumeric()
                && !matches!(byte.to_ascii_uppercase(), b'I' | b'L' | b'O' | b'U')
        };
        let digits = text.strip_prefix(Self::PREFIX)?;
        let is_id = digits.len() == Self::LENGTH && digits.bytes().all(is_digit);
        is_id.then(|| Self(text.to_owned()))
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// A run, finished or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`RunRecord::SCHEMA`].
    pub schema: String,
    /// Its id.
    pub id: RunId,
    /// The goal.
    pub goal: String,
    /// Where the graph came from: `recipe:NAME`, `plan`, `file`, `solo`.
    pub origin: String,
    /// Time of the start, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// State.
    pub state: RunState,
    /// The graph, as far as it is known.
    pub graph: Option<TaskGraph>,
    /// What was done for each task of the graph, in its order; before that, the planning.
    pub tasks: Vec<TaskRecord>,
    /// The answer; partial where `state` says so.
    pub answer: Option<String>,
    /// Its bounds.
    pub budget: RunBudget,
    /// What it has spent, the runs below included.
    pub spent: RunSpent,
    /// The run from inside of which it was started; `None` for the first of a tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<RunId>,
    /// The runs that were started from inside of it, in order of their start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ChildRun>,
}

/// A run that was started from inside of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildRun {
    /// Its id.
    pub id: RunId,
    /// What it has spent, the runs below it included; its time is its own record's.
    pub spent: RunSpent,
    /// Whether it has ended.
    pub has_ended: bool,
}

impl RunRecord {
    /// Schema of this version.
    pub const SCHEMA: &str = "harmonic.run-record/1";

    /// Σ of the tasks' times ÷ wall time; `None` before anything was done.
    pub fn speed_up(&self) -> Option<f64> {
        let busy = self.tasks.iter().map(TaskRecord::busy_ms).fold(0, u64::saturating_add);
        (self.spent.time_ms > 0 && busy > 0).then(|| busy as f64 / self.spent.time_ms as f64)
    }
}

/// State of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// It runs.
    Running,
    /// It cannot go on before a person has answered.
    WaitingForApproval,
    /// It was interrupted, and can be resumed.
    Stopped,
    /// It has its answer.
    Done,
    /// It has an answer of what was there when a bound was reached.
    Partial {
        /// Which bound or failure, and what is missing.
        reason: String,
    },
    /// It has no answer.
    Failed {
        /// Cause.
        reason: String,
    },
}

impl RunState {
    /// Its name, for people.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::WaitingForApproval => "waits for approval",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Partial { .. } => "partial",
            Self::Failed { .. } => "failed",
        }
    }
}

/// What was done for one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Title.
    pub title: String,
    /// Its agent; `None` for a tool.
    pub agent: Option<AgentName>,
    /// Kind of work: `plan`, `ask`, `vote`, `check`, `tool`, `condense`.
    pub kind: String,
    /// State.
    pub state: TaskState,
    /// Times of its calls and waits, in order of their start.
    pub spans: Vec<TaskSpan>,
    /// Its artifact, whole.
    pub text: Option<String>,
    /// What it has spent; its time is Σ of its spans.
    pub spent: RunSpent,
}

impl TaskRecord {
    /// Σ of its spans that computed, in milliseconds: waits for a slot, a person or a restart are
    /// left out.
    pub fn busy_ms(&self) -> u64 {
        let busy = |span: &&TaskSpan| {
            matches!(span.kind, SpanKind::Prefill | SpanKind::Decode | SpanKind::Tool)
        };
        self.spans.iter().filter(busy).map(TaskSpan::ms).fold(0, u64::saturating_add)
    }
}

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Its inputs are not there.
    Blocked,
    /// It was offered to its engine, or is being done.
    Running,
    /// It waits for a person.
    WaitingForApproval,
    /// Its artifact is there.
    Done,
    /// It has failed.
    Failed,
    /// It was left out: a bound was reached, or a task before it failed.
    Skipped,
}

impl TaskState {
    /// Its name, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Running => "running",
            Self::WaitingForApproval => "waits for approval",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// A time of a task, in milliseconds since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpan {
    /// What it was spent on.
    pub kind: SpanKind,
    /// Start.
    pub from_ms: u64,
    /// End.
    pub to_ms: u64,
    /// Slot of the engine; `None` where none was held.
    pub slot: Option<u32>,
}

impl TaskSpan {
    /// Its length, in milliseconds.
    pub fn ms(&self) -> u64 {
        self.to_ms.saturating_sub(self.from_ms)
    }
}

/// What a time was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// Wait for a slot.
    Queued,
    /// Computation of the prompt.
    Prefill,
    /// Generation.
    Decode,
    /// The slot was taken back; the request waits to resume.
    Preempted,
    /// A tool runs.
    Tool,
    /// A person is asked.
    Person,
}

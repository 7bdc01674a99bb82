//! Tasks: runs in the form of the protocol.

use std::time::{Duration, SystemTime};

use harmonic_types::{RunId, RunRecord, RunState};
use serde::{Deserialize, Serialize};

use super::TEXT;
use super::message::{Message, Part};

/// Id of the one artifact of a task.
const ANSWER: &str = "answer";

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its id, that of the run.
    pub id: String,
    /// Its context, of which it is the only task.
    pub context_id: String,
    /// Its status.
    pub status: TaskStatus,
    /// Its answer, once it has one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// What it began with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Message>,
}

impl Task {
    /// The run `record`, with the message that it began with where `has_history`.
    pub fn of_run(record: &RunRecord, has_history: bool) -> Self {
        let id = record.id.0.clone();
        let goal = || Message::of_user(format!("{id}-goal"), &id, record.goal.clone());
        Self {
            status: TaskStatus::of_run(&record.id, &record.state, None),
            artifacts: record.answer.iter().map(|answer| Artifact::answer(answer)).collect(),
            history: has_history.then(goal).into_iter().collect(),
            context_id: id.clone(),
            id,
        }
    }
}

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskState {
    /// It is being done.
    #[serde(rename = "TASK_STATE_WORKING")]
    Working,
    /// It waits for a person.
    #[serde(rename = "TASK_STATE_INPUT_REQUIRED")]
    InputRequired,
    /// It has its answer.
    #[serde(rename = "TASK_STATE_COMPLETED")]
    Completed,
    /// It has no answer.
    #[serde(rename = "TASK_STATE_FAILED")]
    Failed,
    /// It was stopped.
    #[serde(rename = "TASK_STATE_CANCELED")]
    Canceled,
    /// Any: in a filter.
    #[serde(rename = "TASK_STATE_UNSPECIFIED")]
    Unspecified,
    /// State of the protocol that no task here has.
    #[serde(other)]
    Other,
}

impl TaskState {
    /// Whether a task in it has ended.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}

impl From<&RunState> for TaskState {
    fn from(state: &RunState) -> Self {
        match state {
            RunState::Running => Self::Working,
            RunState::WaitingForApproval => Self::InputRequired,
            RunState::Stopped => Self::Canceled,
            RunState::Done | RunState::Partial { .. } => Self::Completed,
            RunState::Failed { .. } => Self::Failed,
        }
    }
}

/// Status of a task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskStatus {
    /// State.
    pub state: TaskState,
    /// What the agent says to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// Time of it, as RFC 3339; absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

impl TaskStatus {
    /// Status of the run `id` in `state`, which it has had since `at`, where that is known.
    pub fn of_run(id: &RunId, state: &RunState, at: Option<SystemTime>) -> Self {
        let text = match state {
            RunState::Partial { reason } => Some(format!("The answer is partial: {reason}")),
            RunState::Failed { reason } => Some(reason.clone()),
            RunState::WaitingForApproval => Some(format!(
                "A person is asked: `harmonic runs show {id}` has the question, and `harmonic runs \
                 approve` or `deny` answers it"
            )),
            RunState::Running | RunState::Stopped | RunState::Done => None,
        };
        let message = text.map(|text| Message::of_agent(format!("{id}-status"), &id.0, text));
        let timestamp = at.map(timestamp);
        Self { state: state.into(), message, timestamp }
    }

    /// Status of the run `id`, which works, with what happened `at_ms` after its start.
    pub fn working(id: &RunId, number: u64, text: String, started_ms: u64, at_ms: u64) -> Self {
        let message = Message::of_agent(format!("{id}-{number}"), &id.0, text);
        let since = Duration::from_millis(started_ms.saturating_add(at_ms));
        let at = SystemTime::UNIX_EPOCH.checked_add(since);
        let timestamp = at.map(timestamp);
        Self { state: TaskState::Working, message: Some(message), timestamp }
    }
}

fn timestamp(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// Result of a task.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Its id within the task.
    pub artifact_id: String,
    /// Its name.
    pub name: String,
    /// Its parts.
    pub parts: Vec<Part>,
}

impl Artifact {
    /// The answer, or a part of it.
    pub fn answer(text: &str) -> Self {
        Self {
            artifact_id: ANSWER.to_owned(),
            name: ANSWER.to_owned(),
            parts: vec![Part { media_type: Some(TEXT.to_owned()), ..Part::text(text) }],
        }
    }
}

/// Event of a stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StreamResponse {
    /// The task, at the beginning.
    Task(Task),
    /// Its status has changed.
    StatusUpdate {
        /// The task.
        task_id: String,
        /// Its context.
        context_id: String,
        /// The status.
        status: TaskStatus,
    },
    /// Its answer has changed.
    ArtifactUpdate {
        /// The task.
        task_id: String,
        /// Its context.
        context_id: String,
        /// The answer, or what follows.
        artifact: Artifact,
        /// Whether it follows what was sent, or replaces it.
        append: bool,
        /// Whether it is the last part.
        last_chunk: bool,
    },
}

impl StreamResponse {
    /// Status of the run `id`.
    pub fn status(id: &RunId, status: TaskStatus) -> Self {
        Self::StatusUpdate { task_id: id.0.clone(), context_id: id.0.clone(), status }
    }

    /// Answer of the run `id`, or a part of it.
    pub fn answer(id: &RunId, text: &str, append: bool, last_chunk: bool) -> Self {
        let (task_id, context_id) = (id.0.clone(), id.0.clone());
        Self::ArtifactUpdate {
            task_id,
            context_id,
            artifact: Artifact::answer(text),
            append,
            last_chunk,
        }
    }
}

/// Page of tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskList {
    /// The tasks, newest first.
    pub tasks: Vec<Task>,
    /// What asks for the next page; empty at the last one.
    pub next_page_token: String,
    /// Tasks that were asked for.
    pub page_size: u32,
    /// Tasks over all pages.
    pub total_size: u32,
}

//! The tasks of a record, with what is said of each everywhere.
//!
//! Owns: which record belongs to which task of the graph, names, glyphs of states, words of times.

use harmonic_types::{RunRecord, RunState, SpanKind, Task, TaskRecord, TaskState, Work};

use super::text;

/// Kinds of work that are no tasks of the graph.
const INTERNAL: [&str; 2] = ["plan", "condense"];

/// A task with its record.
pub struct TaskView<'a> {
    /// Number in the graph from 1, or the kind of what is not in it.
    pub label: String,
    /// Title, in one line.
    pub title: String,
    /// What was done.
    pub record: &'a TaskRecord,
    /// The task, if it is one of the graph.
    pub task: Option<&'a Task>,
}

impl TaskView<'_> {
    /// Number and title; the title alone where it is the kind of what is not in the graph.
    pub fn name(&self) -> String {
        if self.title.eq_ignore_ascii_case(&self.label) {
            return self.title.clone();
        }
        format!("{} {}", self.label, self.title)
    }

    /// Kind of work and who does it: `ask, coder`.
    pub fn work(&self) -> String {
        let kind = text::line(&self.record.kind);
        match (&self.record.agent, self.task.map(|task| &task.work)) {
            (Some(agent), _) => format!("{kind}, {}", text::line(&agent.0)),
            (None, Some(Work::Tool { tool, .. })) => format!("{kind}, {}", text::line(tool)),
            (None, _) => kind,
        }
    }

    /// Who does it: agent or tool.
    pub fn worker(&self) -> Option<String> {
        match (&self.record.agent, self.task.map(|task| &task.work)) {
            (Some(agent), _) => Some(text::line(&agent.0)),
            (None, Some(Work::Tool { tool, .. })) => Some(text::line(tool)),
            (None, _) => None,
        }
    }

    /// What it was asked.
    pub fn instruction(&self) -> Option<&str> {
        match &self.task?.work {
            Work::Ask { instruction, .. }
            | Work::Vote { instruction, .. }
            | Work::Check { instruction, .. } => Some(instruction),
            Work::Tool { .. } => None,
        }
    }

    /// Labels of the tasks whose artifacts it reads: `1, 2`.
    pub fn inputs(&self) -> Option<String> {
        let mut after: Vec<u32> = self.task?.after.iter().map(|index| index.0).collect();
        after.sort_unstable();
        after.dedup();
        let numbers: Vec<String> =
            after.into_iter().map(|index| (u64::from(index) + 1).to_string()).collect();
        (!numbers.is_empty()).then(|| numbers.join(", "))
    }
}

/// All tasks of a record, in its order. Planning and condensing are no tasks of the graph; the
/// others are, in its order.
pub fn views<'a>(record: &'a RunRecord) -> Vec<TaskView<'a>> {
    let tasks = record.graph.as_ref().map_or(&[][..], |graph| graph.tasks.as_slice());
    let mut position = 0;
    let view = |record: &'a TaskRecord| {
        let TaskRecord { kind, title, .. } = record;
        let is_internal = INTERNAL.contains(&kind.as_str());
        let label = if is_internal {
            text::line(kind)
        } else {
            position += 1;
            position.to_string()
        };
        let task = if is_internal { None } else { tasks.get(position - 1) };
        TaskView { label, title: text::line(title), record, task }
    };
    record.tasks.iter().map(view).collect()
}

/// Glyph of a state.
pub const fn glyph(state: TaskState) -> char {
    match state {
        TaskState::Blocked => '○',
        TaskState::Running => '▶',
        TaskState::WaitingForApproval => '?',
        TaskState::Done => '✓',
        TaskState::Failed => '✕',
        TaskState::Skipped => '–',
    }
}

/// Why a run has only a part of its answer, or none.
pub fn reason(state: &RunState) -> Option<String> {
    match state {
        RunState::Partial { reason } | RunState::Failed { reason } => Some(text::line(reason)),
        RunState::Stopped => Some("it can be resumed".to_owned()),
        RunState::Running | RunState::WaitingForApproval | RunState::Done => None,
    }
}

/// All kinds of time, in the order of a request's life.
pub const SPAN_KINDS: [SpanKind; 6] = [
    SpanKind::Queued,
    SpanKind::Prefill,
    SpanKind::Decode,
    SpanKind::Preempted,
    SpanKind::Tool,
    SpanKind::Person,
];

/// Word of a kind of time, as in JSON.
pub const fn span_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Queued => "queued",
        SpanKind::Prefill => "prefill",
        SpanKind::Decode => "decode",
        SpanKind::Preempted => "preempted",
        SpanKind::Tool => "tool",
        SpanKind::Person => "person",
    }
}

/// Words of a kind of time in a legend.
pub const fn span_words(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Queued => "waits for a slot",
        SpanKind::Prefill => "prefill",
        SpanKind::Decode => "decode",
        SpanKind::Preempted => "preempted",
        SpanKind::Tool => "tool",
        SpanKind::Person => "waits for a person",
    }
}

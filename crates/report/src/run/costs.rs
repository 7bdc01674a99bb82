//! What a run and its tasks have cost, as cells of a table.
//!
//! Invariants: what was not computed or not metered is absent. A task that never started has no
//! figures; one of a tool has no tokens.

use harmonic_types::{RunRecord, RunSpent, TaskRecord};

use super::task::TaskView;
use crate::number_format::{ABSENT, digits, or_absent};

/// Names of the columns of figures, with their units.
pub const COLUMNS: [(&str, &str); 6] = [
    ("prompt", "tokens"),
    ("cached", "tokens"),
    ("output", "tokens"),
    ("busy", "s"),
    ("waited", "s"),
    ("energy", "J, net of idle"),
];

/// Cells of a task.
pub fn of_task(view: &TaskView<'_>) -> [String; 6] {
    let task = view.record;
    if !has_started(task) {
        return absent();
    }
    let is_counted = task.agent.is_some() || has_tokens(task);
    cells(&task.spent, is_counted, busy_ms(task), waited_ms(task))
}

/// Cells of the whole run.
pub fn of_run(record: &RunRecord) -> [String; 6] {
    let sum = |of: fn(&TaskRecord) -> u64| {
        record.tasks.iter().fold(0_u64, |sum, task| sum.saturating_add(of(task)))
    };
    let has_started = record.spent.tokens() > 0 || record.tasks.iter().any(has_started);
    if !has_started {
        return absent();
    }
    cells(&record.spent, true, sum(busy_ms), sum(waited_ms))
}

fn has_started(task: &TaskRecord) -> bool {
    !task.spans.is_empty() || has_tokens(task)
}

fn has_tokens(task: &TaskRecord) -> bool {
    task.spent.prompt_tokens > 0 || task.spent.output_tokens > 0
}

fn absent() -> [String; 6] {
    std::array::from_fn(|_| ABSENT.to_owned())
}

fn cells(spent: &RunSpent, is_counted: bool, busy_ms: u64, waited_ms: u64) -> [String; 6] {
    let tokens = |count: u64| or_absent(is_counted.then(|| count.to_string()));
    [
        tokens(spent.prompt_tokens),
        tokens(spent.cached_tokens),
        tokens(spent.output_tokens),
        seconds(busy_ms),
        seconds(waited_ms),
        or_absent(spent.joules.map(|joules| digits(joules.0))),
    ]
}

/// Seconds of some milliseconds.
pub fn seconds(ms: u64) -> String {
    digits(ms as f64 / 1e3)
}

/// Σ of the times of a task that computed.
pub fn busy_ms(task: &TaskRecord) -> u64 {
    task.busy_ms()
}

/// Σ of the times of a task that did not.
fn waited_ms(task: &TaskRecord) -> u64 {
    let all = task.spans.iter().fold(0_u64, |sum, span| sum.saturating_add(span.ms()));
    all.saturating_sub(task.busy_ms())
}

/// Wall time of a run: until its last span, where its own time leaves out waits for people.
pub fn wall_ms(record: &RunRecord) -> u64 {
    let spans = record.tasks.iter().flat_map(|task| &task.spans);
    spans.map(|span| span.to_ms).fold(record.spent.time_ms, u64::max)
}

//! Graphs of short tasks.

use harmonic_types::{Task, TaskGraph, TaskIndex, Work};

/// Tokens of an answer: short, so that a run is mostly orchestration.
pub const TOKENS: u32 = 16;

/// Each task after the one before.
pub fn chain(tasks: u32) -> TaskGraph {
    let after = |index: u32| index.checked_sub(1).map(TaskIndex).into_iter().collect();
    TaskGraph::new((0..tasks).map(|index| ask(index, after(index))).collect())
}

/// All tasks at once, and a last one that reads them.
pub fn fan(tasks: u32) -> TaskGraph {
    let last = tasks.saturating_sub(1);
    let mut all: Vec<Task> = (0..last).map(|index| ask(index, Vec::new())).collect();
    all.push(ask(last, (0..last).map(TaskIndex).collect()));
    TaskGraph::new(all)
}

fn ask(index: u32, after: Vec<TaskIndex>) -> Task {
    Task {
        title: format!("Task {index}"),
        work: Work::Ask {
            agent: "analyst".into(),
            instruction: format!("Say something about the number {index}."),
        },
        after,
        max_tokens: Some(TOKENS),
    }
}

//! The record of a run, as its state gives it.

use harmonic_types::{AgentName, RunRecord, RunSpent, TaskGraph, TaskRecord, TaskSpan, TaskState};

use super::node::{NodeWork, TaskNode, ToolState};
use super::{PLANNING, Run};
use crate::budget::joules;
use crate::spec::Approach;

pub(super) fn record(run: &Run) -> RunRecord {
    RunRecord {
        schema: RunRecord::SCHEMA.to_owned(),
        id: run.spec.id.clone(),
        goal: run.spec.goal.text.clone(),
        origin: run.graph.origin.clone(),
        started_ms: run.spec.started_ms,
        state: run.state(),
        graph: graph(run),
        tasks: order(run).into_iter().map(|task| task_record(run, task)).collect(),
        answer: run.answer.clone(),
        budget: run.budget.bounds(),
        spent: run.budget.spent(),
        parent: run.spec.lineage.parent().map(|parent| parent.id.clone()),
        children: run.below.clone(),
    }
}

/// The graph as far as it is known.
pub(super) fn graph(run: &Run) -> Option<TaskGraph> {
    let tasks = run.graph.tasks.iter().filter_map(|id| run.task(*id).source.clone());
    let graph = TaskGraph::new(tasks.collect());
    (!graph.tasks.is_empty()).then_some(graph)
}

/// The planning if there is one, the tasks of the graph in its order, then what is in no graph:
/// branches, condensations, and tasks of plans that were given up.
fn order(run: &Run) -> Vec<&TaskNode> {
    let planning = matches!(run.spec.approach, Approach::Plan { .. }).then(|| run.task(PLANNING));
    let of_graph = run.graph.tasks.iter().map(|id| run.task(*id));
    let rest = run.tasks.iter().skip(1).filter(|task| !run.graph.tasks.contains(&task.id));
    planning.into_iter().chain(of_graph).chain(rest).collect()
}

fn task_record(run: &Run, task: &TaskNode) -> TaskRecord {
    let mut spans = task.spans.clone();
    spans.sort_by_key(|span| (span.from_ms, span.to_ms));
    TaskRecord {
        title: task.title.clone(),
        agent: agent(run, task),
        kind: task.kind().to_owned(),
        state: task_state(task),
        text: task.artifact.as_ref().map(|artifact| artifact.text.clone()),
        spent: RunSpent {
            time_ms: spans.iter().map(TaskSpan::ms).sum(),
            joules: task.millijoules.map(joules),
            ..task.spent
        },
        spans,
    }
}

/// State of a task for those who watch: one that runs and can only wait for a person does so.
pub(super) fn task_state(task: &TaskNode) -> TaskState {
    let asks = |step: &super::node::ToolStep| matches!(step.state, ToolState::Asking(..));
    let works = |step: &super::node::ToolStep| {
        matches!(step.state, ToolState::Open { .. } | ToolState::Ready(_) | ToolState::Branch)
    };
    let waits = task.tool_steps.iter().any(asks) && !task.tool_steps.iter().any(works);
    if task.state == TaskState::Running && waits {
        TaskState::WaitingForApproval
    } else {
        task.state
    }
}

/// The agent that does a task; the executive does the planning.
pub(super) fn agent(run: &Run, task: &TaskNode) -> Option<AgentName> {
    match task.work {
        NodeWork::Plan { .. } => Some(run.spec.executive.clone()),
        _ => task.agent().cloned(),
    }
}

//! What those who watch a run see: a snapshot, and the changes after it.

use harmonic_orchestrator::{Approval, ApprovalId, CallId, RunEvent, TaskId};
use harmonic_types::{AgentName, RunRecord, RunSpent};
use serde::{Deserialize, Serialize};

/// State of a run at an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSnapshot {
    /// Id of the last event that is in it; 0 where there is none.
    pub id: u64,
    /// The run.
    pub record: RunRecord,
    /// The open questions, oldest first.
    pub approvals: Vec<Approval>,
    /// The last `task` of each task that is open, and then `queued`, `granted`, `preempted` or
    /// `tool_called` of each call that is.
    #[serde(default)]
    pub open: Vec<RunChange>,
}

/// One change of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunUpdate {
    /// Position in the run's events, from 1.
    pub id: u64,
    /// Time, in milliseconds since the start of the run.
    pub at_ms: u64,
    /// What has changed.
    #[serde(flatten)]
    pub change: RunChange,
}

/// What has changed in a run: what its state machine publishes, and what its driver sees of engines
/// and tools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunChange {
    /// A call was offered to its engine, and waits for a slot.
    Queued {
        /// The task.
        task: TaskId,
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentName,
        /// Turn of the task's conversation, from 0.
        turn: u32,
    },
    /// A call has its slot.
    Granted {
        /// The task.
        task: TaskId,
        /// The call.
        call: CallId,
        /// The slot.
        slot: u32,
    },
    /// A call's slot was taken back; it waits to go on.
    Preempted {
        /// The task.
        task: TaskId,
        /// The call.
        call: CallId,
    },
    /// Text was generated.
    Text {
        /// The task.
        task: TaskId,
        /// The call.
        call: CallId,
        /// The text since the last event of the call.
        text: String,
        /// Output tokens of the call so far.
        tokens: u32,
        /// Whether it is the answer of the run. An answer that a bound or a failure put together is
        /// in the record alone.
        #[serde(default)]
        answer: bool,
    },
    /// A tool is called.
    ToolCalled {
        /// The task.
        task: TaskId,
        /// The call.
        call: CallId,
        /// The tool.
        tool: String,
        /// Its arguments, as JSON text.
        arguments: String,
    },
    /// A call of an agent or a tool has ended.
    CallEnded {
        /// The task.
        task: TaskId,
        /// The call.
        call: CallId,
        /// Failure; `None` where there is a result.
        error: Option<String>,
        /// Whether the answer was cut off at its bound on tokens.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_cut: bool,
    },
    /// A person is asked.
    Asked {
        /// The question.
        approval: Approval,
    },
    /// A question needs no answer any more.
    Withdrawn {
        /// The approval.
        approval: ApprovalId,
    },
    /// The accounts, after a call.
    Spent {
        /// What the run has spent.
        spent: RunSpent,
    },
    /// What the state machine publishes.
    #[serde(untagged)]
    Run(RunEvent),
}

impl RunChange {
    /// Name of the event on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Granted { .. } => "granted",
            Self::Preempted { .. } => "preempted",
            Self::Text { .. } => "text",
            Self::ToolCalled { .. } => "tool_called",
            Self::CallEnded { .. } => "call_ended",
            Self::Asked { .. } => "asked",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Spent { .. } => "spent",
            Self::Run(RunEvent::State { .. }) => "state",
            Self::Run(RunEvent::Graph { .. }) => "graph",
            Self::Run(RunEvent::Task { .. }) => "task",
            Self::Run(RunEvent::Decided { .. }) => "decided",
            Self::Run(RunEvent::Note { .. }) => "note",
        }
    }
}

/// Changes that were lost because the listener was too slow; a snapshot follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostUpdates {
    /// Their number.
    pub lost: u64,
}

#[cfg(test)]
mod tests {
    use harmonic_orchestrator::Decision;
    use harmonic_types::{RunState, TaskGraph, TaskState};
    use serde_json::Value;

    use super::*;

    fn changes() -> Vec<RunChange> {
        let (task, call, text) = (TaskId(1), CallId(2), || "t".to_owned());
        let graph = TaskGraph::new(Vec::new());
        let approval = Approval {
            id: ApprovalId(3),
            subject: harmonic_orchestrator::ApprovalSubject::Plan { graph: graph.clone() },
            deadline_ms: 4,
        };
        let state = RunState::Partial { reason: text() };
        let (id, decision, timed_out) = (ApprovalId(3), Decision::Denied, true);
        let (agent, kind, title) = (Some(AgentName::from("coder")), text(), text());
        let reason = Some(text());
        vec![
            RunChange::Queued { task, call, agent: "coder".into(), turn: 0 },
            RunChange::Granted { task, call, slot: 3 },
            RunChange::Preempted { task, call },
            RunChange::Text { task, call, text: text(), tokens: 1, answer: true },
            RunChange::ToolCalled { task, call, tool: text(), arguments: text() },
            RunChange::CallEnded { task, call, error: Some(text()), is_cut: true },
            RunChange::Asked { approval },
            RunChange::Withdrawn { approval: id },
            RunChange::Spent { spent: RunSpent::default() },
            RunChange::Run(RunEvent::State { state }),
            RunChange::Run(RunEvent::Graph { graph, origin: text() }),
            RunChange::Run(RunEvent::Task {
                task,
                title,
                kind,
                agent,
                state: TaskState::Failed,
                reason,
            }),
            RunChange::Run(RunEvent::Decided { approval: id, decision, timed_out }),
            RunChange::Run(RunEvent::Note { text: text() }),
        ]
    }

    #[test]
    fn every_change_has_its_name_on_the_wire_and_comes_back_as_it_was() {
        for change in changes() {
            let update = RunUpdate { id: 7, at_ms: 9, change };
            let json = serde_json::to_string(&update).unwrap();
            let document: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(document["event"], update.change.name(), "{json}");
            assert_eq!(serde_json::from_str::<RunUpdate>(&json).unwrap(), update, "{json}");
        }
    }
}

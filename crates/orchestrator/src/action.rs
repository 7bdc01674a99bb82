//! Actions of a run: what its driver does.

use harmonic_types::{AgentName, RunState, TaskGraph, TaskState};
use serde::{Deserialize, Serialize};

use crate::approval::{Approval, ApprovalId, Decision};
use crate::call::{CallId, CallSpec, TaskId};
use crate::input::TimerId;
use crate::tool_call::ToolCallSpec;

/// What the driver does. All actions of one list are done in its order; none waits for another's
/// result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Offer a call to the agent's engine. Ends with [`crate::Input::Answered`] or
    /// [`crate::Input::Failed`].
    Call {
        /// The call.
        #[serde(flatten)]
        spec: Box<CallSpec>,
    },
    /// Write [`crate::Input::ToolIntended`] and call a tool. Ends with
    /// [`crate::Input::ToolReturned`] or [`crate::Input::ToolFailed`].
    CallTool {
        /// The call.
        #[serde(flatten)]
        spec: Box<ToolCallSpec>,
    },
    /// End a call. What was spent is reported by [`crate::Input::Failed`] with
    /// [`crate::CallFailure::Cancelled`], also after the end of the run.
    Cancel {
        /// The call, of an agent or a tool.
        call: CallId,
    },
    /// Ask a person.
    Ask {
        /// The question.
        approval: Approval,
    },
    /// No longer ask: the answer no longer matters.
    Withdraw {
        /// The approval.
        approval: ApprovalId,
    },
    /// Give [`crate::Input::TimerFired`] at a time. One that is past means at once. Timers are void
    /// when the run ends, is stopped, or its driver dies.
    SetTimer {
        /// The timer.
        timer: TimerId,
        /// The time, in milliseconds since the start of the run.
        at_ms: u64,
    },
    /// Publish a change, for those who watch.
    Publish {
        /// The change.
        event: RunEvent,
    },
}

/// A change that those who watch a run see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// The state of the run. [`RunState::Done`], `Partial` and `Failed` are the end: no action comes
    /// after it.
    State {
        /// The state.
        #[serde(flatten)]
        state: RunState,
    },
    /// The graph, whole or as far as it is written.
    Graph {
        /// The graph.
        graph: TaskGraph,
        /// Where it came from, as in [`harmonic_types::RunRecord::origin`].
        origin: String,
    },
    /// The state of a task.
    Task {
        /// The task.
        task: TaskId,
        /// Its title.
        title: String,
        /// Kind of work, as in [`harmonic_types::TaskRecord::kind`].
        kind: String,
        /// Its agent; `None` for a tool.
        agent: Option<AgentName>,
        /// The state.
        state: TaskState,
        /// Cause of a failure, a skip or a wait; `None` where there is nothing to say.
        reason: Option<String>,
    },
    /// A person has answered, or the time was over.
    Decided {
        /// The approval.
        approval: ApprovalId,
        /// The answer.
        decision: Decision,
        /// Whether it is the answer of silence.
        timed_out: bool,
    },
    /// Something that changes what the answer is worth: an artifact was condensed, a vote had fewer
    /// samples, a plan was given up for a recipe.
    Note {
        /// What.
        text: String,
    },
}

//! Inputs of a run: its journal, entry for entry.

use harmonic_types::{RunId, TaskSpan, Usage};
use serde::{Deserialize, Serialize};

use crate::approval::{ApprovalId, Decision};
use crate::call::{CallAnswer, CallFailure, CallId};
use crate::tool_call::{ToolCallResult, ToolFailure};

/// Identifier of a timer, unique within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimerId(pub u64);

/// Something that happened. An input that concerns nothing that is open, for instance a second
/// answer of a call, or an unknown timer, changes nothing but the accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    /// The run starts: the first input.
    Started,
    /// More text of the plan, in order. The same text comes once more, whole, with
    /// [`Input::Answered`].
    PlanText {
        /// The call of the plan.
        call: CallId,
        /// The text since the last one.
        text: String,
    },
    /// An agent has answered.
    Answered {
        /// The call.
        call: CallId,
        /// Its answer.
        answer: CallAnswer,
    },
    /// A call of an agent has failed.
    Failed {
        /// The call.
        call: CallId,
        /// Failure.
        failure: CallFailure,
        /// Tokens that were spent; `None` where none were.
        usage: Option<Usage>,
        /// Energy beyond idle power, in millijoules; `None` without a meter.
        #[serde(default)]
        millijoules: Option<u64>,
        /// Its times, as far as it came.
        #[serde(default)]
        spans: Vec<TaskSpan>,
    },
    /// A tool is about to be called. Written to the journal, and applied, before the call is made.
    ToolIntended {
        /// The call.
        call: CallId,
    },
    /// A tool has returned.
    ToolReturned {
        /// The call.
        call: CallId,
        /// Its result.
        result: ToolCallResult,
    },
    /// A call of a tool has failed.
    ToolFailed {
        /// The call.
        call: CallId,
        /// Failure.
        failure: ToolFailure,
    },
    /// A run was started from inside of this one. What it may spend is reserved until it ends.
    StartedBelow {
        /// The run.
        run: RunId,
        /// Its bound on tokens; `None` where neither run has one.
        tokens: Option<u64>,
    },
    /// A run that was started from inside of this one has spent something.
    SpentBelow {
        /// The run.
        run: RunId,
        /// Tokens.
        usage: Usage,
        /// Energy beyond idle power, in millijoules; `None` without a meter.
        millijoules: Option<u64>,
    },
    /// A run that was started from inside of this one has ended, or is no longer driven: what it has
    /// not spent is free.
    EndedBelow {
        /// The run.
        run: RunId,
    },
    /// A person has answered.
    Decided {
        /// The approval.
        approval: ApprovalId,
        /// The answer.
        decision: Decision,
    },
    /// The time of a timer has come.
    TimerFired {
        /// The timer.
        timer: TimerId,
    },
    /// The run is interrupted, and can be resumed.
    Stopped,
    /// The run goes on after [`Input::Stopped`], or after the process that drove it has died. What
    /// was open is offered anew under new identifiers, and what it had reserved is free: ends of
    /// earlier calls are reported before.
    Resumed,
    /// The run is ended for good.
    Cancelled {
        /// Cause.
        reason: String,
    },
}

//! Questions to a person.

use harmonic_types::{RunBudget, RunSpent, TaskGraph, ToolEffects};
use serde::{Deserialize, Serialize};

use crate::call::{CallId, TaskId};

/// When a person is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskPolicy {
    /// For the plan, for tools that write or run, and before the budget is raised.
    Plan,
    /// For tools that write or run.
    #[default]
    Write,
    /// For the plan, for every tool, and before the budget is raised.
    All,
    /// For nothing. Tools that run, and tools that write anywhere but in the workspace, are denied
    /// unless they are granted ([`crate::RunSpec::granted`]).
    Never,
}

impl AskPolicy {
    /// Whether a person is asked for the plan.
    pub(crate) fn asks_for_plan(self) -> bool {
        matches!(self, Self::Plan | Self::All)
    }

    /// Whether a person is asked for a larger budget.
    pub(crate) fn asks_for_budget(self) -> bool {
        matches!(self, Self::Plan | Self::All)
    }
}

/// Identifier of an approval, unique within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApprovalId(pub u64);

/// Question to a person. It blocks what it is about, and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Identifier.
    pub id: ApprovalId,
    /// What is asked.
    pub subject: ApprovalSubject,
    /// Time at which silence becomes a no, in milliseconds since the start of the run.
    pub deadline_ms: u64,
}

/// What a person is asked about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum ApprovalSubject {
    /// Doing a plan.
    Plan {
        /// The plan.
        graph: TaskGraph,
    },
    /// A call of a tool.
    Tool {
        /// The task.
        task: TaskId,
        /// The call.
        call: CallId,
        /// The tool.
        tool: String,
        /// Its arguments, as JSON text.
        arguments: String,
        /// What it may do.
        effects: ToolEffects,
    },
    /// Repeating a call of a tool that may have happened: a yes calls it again; after a no it is
    /// reported to its task as unknown.
    Repeat {
        /// The task.
        task: TaskId,
        /// The call.
        call: CallId,
        /// The tool.
        tool: String,
        /// Its arguments, as JSON text.
        arguments: String,
        /// What it may do.
        effects: ToolEffects,
    },
    /// A larger budget.
    Budget {
        /// The bounds.
        bounds: RunBudget,
        /// What has been spent.
        spent: RunSpent,
        /// The bounds after a yes.
        raised: RunBudget,
    },
}

/// Answer of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Yes.
    Approved,
    /// No.
    Denied,
}

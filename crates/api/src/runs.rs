//! Documents of `/runs`: what starts a run, what is listed, what those who watch it see.
//!
//! Owns: their fields and the checks of what a client sends. The record of a run is
//! [`harmonic_types::RunRecord`].
//!
//! Invariants: unknown fields of a client are errors; a bound of a budget is never zero; a
//! [`RunRequest`] names at most one way to find its tasks, and neither commands nor paths; a tool of
//! the server is named, never defined.
//!
//! Does not do: checks that need the team (agents, recipes, contexts), which the server makes.

mod create;
mod decision;
mod event;
mod replay;
mod summary;
mod tool_calls;
mod tools;

pub use create::{AnswerLength, BudgetBody, CreateRun, RunApproach, RunMode, RunRequest};
pub use decision::{DecideApproval, Verdict};
pub use event::{LostUpdates, RunChange, RunSnapshot, RunUpdate};
pub use replay::RunReplay;
pub use summary::{ApprovalList, RunList, RunSummary};
pub use tool_calls::{
    AnswerToolCall, RunTool, RunToolList, ToolCallEvent, ToolCallOrder, ToolCallOutcome,
    ToolOfferer,
};
pub use tools::{ClientTool, RequestedTools};

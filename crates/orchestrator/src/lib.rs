//! Runs: a goal, the tasks that a team does for it, and their artifacts, as a pure state machine.
//!
//! Owns: the specification of a run, the check of task graphs, the form of plans, recipes, budgets,
//! the layout of prompts, and the state machine that turns [`Input`]s into [`Action`]s.
//!
//! Invariants, held by property tests: the state is the fold of the inputs, so the same inputs give
//! the same actions and the same record; no task starts before its inputs are there; no call is made
//! that the budget does not bear; every run ends or waits for a person; no call is left open after
//! the end; a call of a tool that changes something is never repeated by itself.
//!
//! Does not do: I/O, reading clocks (times are parameters), waiting, randomness (seeds are given),
//! counting tokens (counts are given), deciding when a call gets a slot (`admission` does).
#![forbid(unsafe_code)]

mod action;
mod agent;
mod approval;
mod budget;
mod call;
mod graph;
mod input;
mod limits;
mod lineage;
mod partial;
pub mod prompt;
mod recipe;
mod run;
mod schema;
mod spec;
mod tool_call;
mod tool_names;
mod verdict;
mod vote;

pub use action::{Action, RunEvent};
pub use agent::AgentProfile;
pub use approval::{Approval, ApprovalId, ApprovalSubject, AskPolicy, Decision};
pub use call::{CallAnswer, CallFailure, CallId, CallPurpose, CallSpec, TaskId};
pub use graph::{FaultKind, GraphErrors, GraphFault, GraphRules, normalised, read_graph};
pub use input::{Input, TimerId};
pub use limits::RunLimits;
pub use lineage::{Ancestor, Lineage};
pub use partial::{PartialPlan, PlanPart};
pub use recipe::{Recipe, RecipeError, RecipeValues, goal_parts};
pub use run::Run;
pub use schema::plan_schema;
pub use spec::{Approach, CountedText, Origin, RunClass, RunSpec, SpecError};
pub use tool_call::{ToolCallResult, ToolCallSpec, ToolFailure, artifact_read};

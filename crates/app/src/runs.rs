//! Runs of a team in its server: where state machine, journal, tools and engines meet.
//!
//! Owns: the service of runs ([`RunService`]), the driver of each, the team as a model
//! ([`TeamEngine`]), and replay ([`ScriptedEngine`]).
//!
//! Invariants: an input is in the journal before it is applied; what a run keeps in memory and on
//! disk is bounded; a run's agents are those of the deployment, so the team never asks itself.
//!
//! Does not do: HTTP (`gateway`), decisions about tasks (`orchestrator`), questions to a person on a
//! terminal.

mod box_tools;
mod client_tools;
mod clock;
mod driver;
mod energy;
mod entry;
mod journal_writer;
mod merged_tools;
mod new_run;
mod replay;
mod request_ids;
mod run_publisher;
mod scratch_journals;
mod scripted_engine;
mod service;
mod serving;
mod slot_watch;
mod team;
mod team_engine;
mod tools;
mod updates;
mod verdicts;

pub use energy::RunEnergy;
pub use new_run::NewRun;
pub use scratch_journals::scratch_journals;
pub use scripted_engine::ScriptedEngine;
pub use service::{RunService, ServiceLimits};
pub use team::{RunTeam, TeamMember};
pub use team_engine::TeamEngine;
pub use tools::{NoTools, RunTools, ToolRequest, ToolSource};

pub(crate) use box_tools::BoxTools;
pub(crate) use serving::ServedRuns;

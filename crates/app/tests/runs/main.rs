//! Runs of a team in its server: the service, its HTTP side, and what is left after a `kill -9`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod accurate_engine;
mod client_tools;
mod damaged;
mod energy;
mod evaluations;
mod failures;
mod http;
mod inside;
mod journals;
mod kills;
mod mcp_failures;
mod mcp_servers;
mod random_plans;
mod real_engine;
mod recorded_team;
mod service;
#[path = "../fixtures/settings.rs"]
mod settings;
mod sim_factory;
mod slots;
#[path = "../../../llama/tests/store/mod.rs"]
mod store;
mod support;
mod team_model;
mod tool_calls;
mod tool_sets;
mod two_teams;

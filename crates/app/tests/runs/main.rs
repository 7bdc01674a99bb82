//! Runs of a team in its server: the service, its HTTP side, and what is left after a `kill -9`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod accurate_engine;
mod evaluations;
mod http;
mod kills;
mod service;
mod support;
mod team_model;
mod tool_calls;

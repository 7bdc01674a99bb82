//! The engine over real sockets, in front of a server that the tests script.

mod admission;
mod connections;
#[path = "../../../engine/tests/cost_models/mod.rs"]
mod cost_models;
mod failures;
mod own_server;
mod probes;
mod scripted_server;
mod setup;
mod streams;

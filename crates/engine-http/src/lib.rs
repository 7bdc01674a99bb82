//! Engines of others over HTTP, behind our own admission.
//!
//! Owns: [`HttpEngine`], an [`Engine`](harmonic_engine::Engine) whose answers come from a server in
//! OpenAI's dialect or Ollama's; what such a server can be asked for; the probes of a server that
//! has just been started ([`preload`], [`overlap`]).
//!
//! Invariants: no more requests are sent at once than the server has slots, so that it never queues;
//! a field that the server has none for is refused by name before the request is queued; every
//! accepted request gets exactly one final event, and an answer without one from the server is a
//! failure; what a server sends is bounded.
//!
//! Does not do: starting servers, connections and framing (`api::client`).
#![forbid(unsafe_code)]

mod admission_task;
mod answer;
mod body;
mod config;
mod conversation;
mod endpoint;
mod engine;
mod estimate;
mod exchange;
mod open_requests;
mod probe;
mod server_fields;
mod token_count;

pub use config::{HttpAgent, HttpEngineConfig};
pub use endpoint::Endpoint;
pub use engine::{HttpEngine, spawn};
pub use probe::{overlap, preload};

//! HTTP server in front of the engines: one endpoint, where each agent is a model name.
//!
//! Owns: listening, connections and their limits, access control, routing, the table of errors with
//! their statuses and headers, streaming, metrics.
//!
//! Invariants: no status line is sent before a request is admitted to a slot or refused; each
//! request gets exactly one answer or error, in the envelope of its dialect; a client that
//! disconnects cancels its request, queued or running; no prompt or answer text is logged, and no
//! key.
//!
//! Does not do: admission (`admission`), wire types (`api`), starting and draining engines
//! (`launcher`).
#![forbid(unsafe_code)]

mod a2a;
mod accept_header;
mod access;
mod agent_info;
mod answer;
mod api_error;
mod body;
mod capability;
mod config;
mod connections;
mod embeddings;
mod error;
mod event_chunks;
mod events;
mod health;
mod listener;
mod metrics;
mod model_registry;
mod openapi;
mod port_owner;
mod pull;
mod pull_limit;
mod puller;
mod ready;
mod respond;
mod responses;
mod root;
mod router;
mod routes;
mod run_events;
mod run_header;
mod runs;
mod server;
mod shared;
mod slots;
mod span;
mod tool_call_events;
mod tracked_body;

pub use access::{
    Access, AllowedHosts, AllowedOrigins, ApiKey, Fingerprint, KeySource, Keys, KeysUnreadable,
};
pub use agent_info::{AgentInfo, WeightsInfo};
pub use config::{Config, MAX_PULLS};
pub use error::GatewayError;
pub use listener::{Listener, bind};
pub use model_registry::{ModelRegistry, RegisteredAgent};
pub use port_owner::PortOwner;
pub use puller::{PullFailed, PullRefused, Puller};
pub use runs::{RunDelivery, RunEvents, RunOwner, Runs, RunsError, ToolCalls};
pub use server::serve;

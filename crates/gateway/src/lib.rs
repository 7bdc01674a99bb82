//! The HTTP server in front of the engines: one endpoint, each agent a model name.
//!
//! Owns: listening, connections and their limits, who may come in, routing, the table from failures to statuses and
//! headers, streaming.
//!
//! Invariants: no status line goes out before a request is granted a slot or refused; each request
//! gets exactly one answer or error, in the envelope of its dialect; a client that goes away
//! cancels its request, queued or running; no prompt or answer text is logged, and no key.
//!
//! Does not do: admission (that is `admission`), the wire types (that is `api`), starting and draining
//! engines (that is `launcher`).
#![forbid(unsafe_code)]

mod access;
mod answer;
mod answering;
mod api_error;
mod body;
mod capability;
mod card;
mod config;
mod connections;
mod embeddings;
mod error;
mod events;
mod health;
mod listener;
mod metrics;
mod model_registry;
mod openapi;
mod port_owner;
mod pull;
mod puller;
mod pulls;
mod ready;
mod respond;
mod router;
mod routes;
mod scrape;
mod server;
mod shared;
mod slots;
mod span;

pub use access::{Access, ApiKey, Fingerprint, Hosts, KeySource, Keys, KeysUnreadable, Origins};
pub use card::{AgentCard, WeightsCard};
pub use config::{Config, MAX_PULLS};
pub use error::GatewayError;
pub use listener::{Listener, bind};
pub use model_registry::{ModelRegistry, RegisteredAgent};
pub use port_owner::PortOwner;
pub use puller::{PullFailed, PullRefused, Puller};
pub use server::serve;

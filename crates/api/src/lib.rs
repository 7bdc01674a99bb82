//! The wire: how requests and answers look outside this process.
//!
//! Owns: the dialects, each in both directions, and the seam between them and a server
//! ([`ResponseEncoder`]); framing; the streaming client.
//!
//! Invariants: decode∘encode is the identity on every request that a dialect can express; unknown
//! fields are ignored, wrong types are refused, and what this version cannot honour is refused
//! instead of dropped.
//!
//! Does not do: HTTP status codes and headers (that is `gateway`), sampling defaults (the engine
//! knows the agent), tokens.
#![forbid(unsafe_code)]

mod answer;
pub mod anthropic;
mod body;
mod checks;
pub mod client;
mod dialect;
mod embeddings;
mod fault;
mod features;
mod gathered;
mod ignored;
mod invalid;
mod media;
pub mod ndjson;
mod object;
pub mod ollama;
pub mod openai;
mod said;
mod sampling;
mod schema;
pub mod sse;
#[cfg(test)]
mod strategies;
mod tools;

pub use answer::{Asked, Finish, ResponseEncoder, ResponseMeta, total};
pub use body::{read, read_noting};
pub use checks::agent;
pub use client::{
    AgentSlots, ChatEvent, ChatStream, Client, ClientError, EngineHealth, EngineIdentity,
    EngineSlots, OllamaStream, ServerHealth, TeamEvents, TeamUpdate,
};
pub use dialect::Dialect;
pub use embeddings::{EmbedBody, EmbeddingsBody, decode_embed, decode_embeddings};
pub use fault::{Fault, FaultClass};
pub use features::FeatureFields;
pub use gathered::CollectedAnswer;
pub use ignored::Ignored;
pub use invalid::Invalid;
pub use said::{Said, StringOrObject, Strings};

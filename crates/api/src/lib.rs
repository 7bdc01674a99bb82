//! Wire formats: requests and responses outside this process.
//!
//! Owns: the dialects, each in both directions, and the interface between them and a server
//! ([`ResponseEncoder`]); framing; the streaming client.
//!
//! Invariants: decode∘encode is the identity on every request that a dialect can express; unknown
//! fields are ignored, wrong types are refused, and unsupported fields are refused instead of
//! dropped.
//!
//! Does not do: HTTP status codes and headers (`gateway`), sampling defaults (the engine knows the
//! agent), tokens.
#![forbid(unsafe_code)]

pub mod a2a;
pub mod anthropic;
mod body;
mod checks;
pub mod client;
mod collected_answer;
mod dialect;
mod embeddings;
mod features;
mod ignored;
pub mod json;
mod media;
pub mod ndjson;
mod object;
pub mod ollama;
pub mod openai;
mod response_encoder;
pub mod runs;
mod sampling;
mod schema;
pub mod sse;
mod sse_lines;
#[cfg(test)]
mod strategies;
mod tools;
mod untagged;
mod validation_error;
mod wire_error;

pub use body::{read, read_noting};
pub use checks::agent;
pub use client::{
    AgentSlots, ChatEvent, ChatStream, Client, ClientError, EngineHealth, EngineIdentity,
    EngineSlots, OllamaStream, RunNews, RunNewsStream, ServerHealth, StreamedRequest, TeamEvents,
    TeamUpdate, Timeouts, ToolCallStream,
};
pub use collected_answer::CollectedAnswer;
pub use dialect::Dialect;
pub use embeddings::{
    EmbedBody, EmbeddingsBody, EmbeddingsEncoder, EmbeddingsMeta, MAX_INPUTS, OlderEmbedBody,
    ParsedEmbeddings, parse_embed, parse_embeddings, parse_older_embed,
};
pub use features::FeatureFields;
pub use ignored::Ignored;
pub use response_encoder::{Finish, ParsedRequest, ResponseEncoder, ResponseMeta, total};
pub use untagged::{Content, StringOrObject, Strings};
pub use validation_error::ValidationError;
pub use wire_error::{ErrorClass, WireError};

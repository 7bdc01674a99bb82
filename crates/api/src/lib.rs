//! The wire: how requests and answers look outside this process.
//!
//! Owns: the dialects (today OpenAI's chat completions), each in both directions; server-sent
//! event framing; the streaming client.
//!
//! Invariants: decode∘encode is the identity on every request that a dialect can express; unknown
//! fields are ignored, wrong types are refused, and what this version cannot honour is refused
//! instead of dropped.
//!
//! Does not do: HTTP status codes and headers (that is `gateway`), sampling defaults (the engine
//! knows the agent), tokens.
#![forbid(unsafe_code)]

pub mod client;
pub mod openai;
pub mod sse;

pub use client::{ChatEvent, ChatStream, Client, ClientError, EngineHealth, ServerHealth};

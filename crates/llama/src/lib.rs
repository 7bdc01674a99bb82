//! llama.cpp as a [`harmonic_engine::Machine`] and as a [`harmonic_engine::Encoder`].
//!
//! Owns: all calls of llama.cpp: loading, vocabulary, context, logs, quantisation, and the
//! divergence of a quantised model from the original. One of two places with `unsafe`.
//!
//! Invariants: one thread owns a context; contexts are created under a lock (llama.cpp writes to
//! the model then); llama.cpp's log goes to `tracing` under the target `llama`.
//!
//! Does not do: scheduling, chat, sampling policy.

mod backend;
mod cells;
mod context;
mod divergence;
mod encoder;
mod engine;
mod log;
mod machine;
mod model;
mod passes;
mod quantize;
mod version;

pub use divergence::{DivergenceError, divergence, kv_divergence};
pub use encoder::{EncoderSetup, LlamaEncoder, spawn_embedder};
pub use engine::{LlamaSetup, spawn};
pub use machine::LlamaMachine;
pub use model::Model;
pub use quantize::{QuantizeError, quantize};
pub use version::BUILD;

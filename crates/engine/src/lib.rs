//! Engines: from text requests to tokens on a machine, and back.
//!
//! Owns: the interfaces `Engine` (used by the gateway) and `Machine` (executes scheduler steps),
//! the `drive` loop between them, chat (templates, tokens, stop strings, UTF-8), sampling,
//! constrained decoding, embeddings ([`Embedder`] over an [`Encoder`]), and the simulated machines.
//!
//! Invariants: conversion between text and tokens happens only in [`chat`]; one thread owns a
//! machine; every accepted request gets exactly one final event.
//!
//! Does not do: admission and batching policy (`admission`, `batching`), HTTP, launching.
#![forbid(unsafe_code)]

mod call_id;
mod capabilities;
pub mod chat;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod constraint;
pub mod device;
pub mod drive;
mod embedder;
mod embedding_run;
pub mod engine;
mod engine_handle;
pub mod generation;
mod identity;
mod intercepted;
pub mod local;
pub mod machine;
mod publisher;
pub mod request_registry;
pub mod sampling;
pub mod scheduler;
pub mod sim;
mod status;
mod thread;
pub mod workers;

pub use call_id::next_call_id;
pub use capabilities::{Capabilities, Forms};
pub use device::{DeviceHandle, SharedDevice};
pub use embedder::{Embedder, EmbedderThread, Encoded, Encoder};
pub use embedding_run::{EmbeddingRun, Vectors};
pub use engine::{
    AgentSlots, AgentUse, Allocation, Drained, Engine, EngineError, EngineStatus, Health,
    ReslotError,
};
pub use generation::{Admitted, Cancel, Generation};
/// Batching types used in the [`Machine`] interface.
pub use harmonic_batching::{Batch, CacheOp, Row, SeqId, SnapshotId, Token};
pub use identity::Identity;
pub use intercepted::Intercepted;
pub use local::{EngineThread, Local, LocalConfig, ServedAgent, shared_device};
pub use machine::{Machine, MachineError, Outcome};
pub use publisher::Publisher;
pub use status::{SharedStatus, StatusSnapshot};
pub use workers::{CancelFlag, Workers};

//! Batching of an engine's steps: a pure state machine, without knowledge of agents.
//!
//! Owns: the running sequences, the composition of batches (chunked prefill beside decode), the
//! cells of the KV cache, the prefix cache, preempted sequences, and the compaction of sequence
//! ids.
//!
//! Invariants, held by property tests together with [`harmonic_admission`]: sequences never exceed
//! those of the machine; reserved KV tokens never exceed the cache; a batch never exceeds its token
//! limit; each added request finishes exactly once; a released request holds nothing.
//!
//! Does not do: deciding which requests run (it implements [`harmonic_admission::Room`] for that),
//! threads, clocks (`now` is a parameter), interpreting tokens, or running an engine.
#![forbid(unsafe_code)]

mod batch;
mod batching;
mod chunks;
mod config;
mod copy_costs;
mod ids;
mod prefill_budget;
mod prefix_cache;
mod prompt;
mod retained;
mod sequence;
mod step;

pub use batch::{Batch, Row};
pub use batching::Batching;
pub use config::BatchingConfig;
pub use ids::{SeqId, SnapshotId, Token};
pub use prompt::Prompt;
pub use step::{CacheOp, Finished, Placed, Sampled, Step, StepResult};

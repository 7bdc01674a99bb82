//! What the steps of an engine compute: a pure state machine that knows no agents.
//!
//! Owns: the sequences that run, what goes into each batch (chunked prefill beside decode), the
//! cells of the KV cache, the prefix cache, preempted sequences, and the compaction of sequence ids.
//!
//! Invariants, held by property tests under [`harmonic_admission`]: never more sequences than the
//! machine has; the KV tokens reserved never exceed the cache; a batch never exceeds its token
//! limit; each request that was added finishes exactly once; a released request holds nothing.
//!
//! Does not do: decide who runs (it is the [`harmonic_admission::Room`] of that decision), threads,
//! clocks (`now` is a parameter), tokens' meaning, or any engine.
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
pub use step::{CacheOp, Finished, Sampled, Started, Step, StepResult};

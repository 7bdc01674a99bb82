//! Admission and continuous batching as a pure state machine.
//!
//! Owns: the queues, who gets a sequence next (guarantees, borrowing, tiers, ageing), what goes
//! into each batch (chunked prefill beside decode), and which prefixes are kept as snapshots.
//!
//! Invariants, held by property tests: never more sequences in flight than configured; the KV
//! tokens reserved never exceed the cache; a batch never exceeds its token limit; each accepted
//! request finishes exactly once; a cancelled request holds nothing.
//!
//! Does not do: threads, clocks (`now` is a parameter), tokens' meaning, or any engine. The real
//! and the simulated machine run under this same scheduler.
#![forbid(unsafe_code)]

mod batch;
mod chunks;
mod config;
mod copies;
mod device;
mod guarantee;
mod ids;
mod job;
mod pace;
mod queue;
mod residents;
mod scheduler;
mod sequence;
mod snapshots;
mod step;

pub use batch::{Batch, Row};
pub use config::{AgentShare, SchedConfig};
pub use device::{Allowance, Demand, Device};
pub use guarantee::guarantees;
pub use ids::{SeqId, SnapshotId, Tick, Token};
pub use job::Job;
pub use scheduler::{AgentLoad, Scheduler};
pub use step::{CacheOp, Committed, Finished, Grant, Sampled, Step};

//! Throughput curves, tuned configs and verdicts on teams, published or measured on this machine.
//!
//! Owns: the throughput curves of the paper ([`paper_curves`], [`published`]) and those measured on
//! this machine ([`mod@curve`]), tuned configs ([`mod@tuned`]), verdicts of evaluations
//! ([`mod@verdict`]), and the folders that store them.
//!
//! Invariants: a file contains one document, of one machine, model and engine build or of one stack,
//! recipe and suite, and is replaced atomically; a file with any other content is skipped and
//! reported.
//!
//! Does not do: measure, choose among documents (the planner does), or define the limits of machines
//! without a curve ([`harmonic_hardware::profile`]).
#![forbid(unsafe_code)]

pub mod curve;
mod documents;
mod error;
mod paper;
pub mod tuned;
pub mod verdict;

pub use error::ProfileError;
pub use paper::{paper_curves, published};

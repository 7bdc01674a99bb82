//! Throughput curves and tuned configs, published or measured on this machine.
//!
//! Owns: the throughput curves of the paper ([`paper_curves`], [`published`]) and those measured on
//! this machine ([`mod@curve`]), tuned configs ([`mod@tuned`]), and the folders that store both.
//!
//! Invariants: a file contains one document of one machine, model and engine build, and is replaced
//! atomically; a file with any other content is skipped and reported.
//!
//! Does not do: measure, choose among documents (the planner does), or define the limits of machines
//! without a curve ([`harmonic_hardware::profile`]).
#![forbid(unsafe_code)]

pub mod curve;
mod documents;
mod error;
mod paper;
pub mod tuned;

pub use error::ProfileError;
pub use paper::{paper_curves, published};

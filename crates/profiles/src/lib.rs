//! What is known of how fast models run on a machine: published, or measured here.
//!
//! Owns: the throughput curves of the paper ([`paper_curves`], [`published`]) and those measured on
//! this machine ([`mod@curve`]), the settings that were measured to be fastest ([`mod@tuned`]), and
//! the folders that both are stored in.
//!
//! Invariants: a file holds one document of one machine, model and engine build, and is replaced
//! whole; a file that holds anything else is skipped and reported, and the others count.
//!
//! Does not do: measure, choose among documents (the planner does), or know the limits of machines
//! without a curve ([`harmonic_hardware::profile`]).
#![forbid(unsafe_code)]

pub mod curve;
mod documents;
mod error;
mod paper;
pub mod tuned;

pub use error::ProfileError;
pub use paper::{paper_curves, published};

//! Other people's engine programs: Ollama, llama-server and vLLM.
//!
//! Owns what a plan says as their flags, environment and files ([`launch()`]), and reads it back
//! ([`read_back`]); where each is found ([`find`]), which version it has and whether that was
//! tested ([`version()`], [`tested`]); what it can ([`abilities`]); Ollama's model store and the
//! settings in its log ([`ollama`]); the status documents of llama-server ([`llama_server`]).
//!
//! Invariants: what is written is what is read back; a plan that a program cannot carry out is an
//! error, never a silent default; a GGUF file is linked, not copied; only models that this crate
//! registered are replaced or removed.
//!
//! Does not do: start a server, speak HTTP. The only program it runs is `EXECUTABLE --version`.
#![forbid(unsafe_code)]

mod abilities;
mod argument_list;
mod error;
mod find;
mod in_force;
mod launch;
mod version;

pub mod llama_server;
pub mod ollama;
pub mod vllm;

pub use abilities::{ProgramAbilities, abilities};
pub use error::ProgramError;
pub use find::find;
pub use in_force::{InForce, read_back};
pub use launch::{Launch, Place, launch};
pub use version::{Version, tested, version};

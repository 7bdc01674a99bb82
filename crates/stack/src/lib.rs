//! Stack files, the built-in stacks, and the built-in agents with their prompts.
//!
//! Owns: the format of stack files, read and written, and its errors; the stacks `standard`, `full`,
//! `minimal`, `dev` and `starter` (`stacks/*.toml`); the built-in agents (`agents/agents.toml`) and
//! their system prompts (`agents/*.md`), all compiled in; the JSON Schema of stack files
//! (`stack.schema.json`), generated from the types that are parsed.
//!
//! Invariants: a [`StackSpec`](harmonic_types::StackSpec) from here has a valid name, at least one
//! agent, agent names that are valid and unique, contexts of at least one token, sampling within
//! its limits, and engines for agents of its own only. A built-in prompt never hands work to an agent absent from the stack.
//!
//! Does not do: check that a model exists (`app` does, with [`model_position`]), allocate slots
//! (planner), render prompts (`engine::chat`).
#![forbid(unsafe_code)]

mod builtin;
mod document;
mod embedding;
mod engines;
mod error;
mod handoff;
mod load;
mod name;
mod parse;
mod position;
mod sampling;
mod schema;
mod write;

pub use builtin::{builtin, builtin_agents, builtin_names};
pub use embedding::with_embedding;
pub use error::StackError;
pub use load::{load, model_position, parse, resolve};
pub use name::{LONGEST as LONGEST_NAME, is_valid as is_valid_name};
pub use position::Position;
pub use sampling::violated as violated_sampling_limit;
pub use schema::json_schema;
pub use write::write;

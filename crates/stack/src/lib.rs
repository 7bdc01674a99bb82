//! Stack files, the built-in stacks, and the built-in agents with their prompts.
//!
//! Owns: the form of a stack file and its errors; the stacks `standard`, `full`, `minimal`, `dev`
//! and `starter` (`stacks/*.toml`); the agents they are made of (`agents/agents.toml`) and their
//! system prompts (`agents/*.md`), all compiled in; the JSON Schema of stack files
//! (`stack.schema.json`), which is generated from the same types that are parsed.
//!
//! Invariants: a [`StackSpec`](harmonic_types::StackSpec) from here has a valid name, at least one
//! agent, agent names that are valid and unique, contexts of at least one token, and sampling
//! within its limits. A built-in prompt never hands work to an agent that the stack lacks.
//!
//! Does not do: check that a model exists (`models` and the planner know that), allocate slots
//! (planner), render prompts (`engine::chat`).
#![forbid(unsafe_code)]

mod builtin;
mod document;
mod error;
mod handover;
mod load;
mod name;
mod parse;
mod place;
mod sampling;
mod schema;

pub use builtin::{builtin, builtin_agents, builtin_names};
pub use error::StackError;
pub use load::{load, parse, resolve};
pub use place::Place;
pub use schema::json_schema;

//! The team as a server of the Model Context Protocol (MCP): `harmonic mcp`.
//!
//! Owns: the tools that it offers ([`serve`]), the check of their arguments, and the runs that it has
//! started.
//!
//! Invariants: nothing but messages of the protocol is written to the output; a client of a running
//! team over HTTP, with the rights of its API key and no others; a call that is cancelled ends its
//! run, and so does the end of the input; whatever a call fails with is told to the model in words.
//!
//! Does not do: start a team, run tools, answer questions of a run (nobody is asked: `never`).
#![forbid(unsafe_code)]

mod arguments;
mod ask;
mod catalogue;
mod ending;
mod failure;
mod follow;
mod input;
mod long_message;
mod reporter;
mod runs;
mod server;
mod transport;

pub use server::{ServeError, serve};

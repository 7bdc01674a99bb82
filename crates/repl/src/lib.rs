//! Chat with an agent on a terminal: what stands between reading a line and printing the answer.
//!
//! Owns: the commands of a line ([`command`]), editing and reading of lines ([`lines`]), and printing a
//! streamed answer ([`stream_printer`]).
//!
//! Does not do: choose the server, keep the conversation, or handle signals; see the binary's `chat`.
#![forbid(unsafe_code)]

pub mod command;
pub mod lines;
pub mod stream_printer;

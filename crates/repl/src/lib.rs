//! Chat with an agent on a terminal: what stands between reading a line and printing the answer.
//!
//! Owns: the commands of a line ([`command`]), editing and reading of lines ([`lines`]), printing a
//! streamed answer ([`stream_printer`]), and questions with a letter for each answer ([`question`]).
//!
//! Does not do: choose the server, keep the conversation, or handle signals; see the binary's `chat`.
#![forbid(unsafe_code)]

pub mod command;
pub mod lines;
pub mod question;
pub mod stream_printer;

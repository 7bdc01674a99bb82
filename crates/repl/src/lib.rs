//! Chat with an agent on a terminal: what stands between reading a line and printing the answer.
//!
//! Owns: the commands of a line ([`command`]), editing and reading of lines ([`lines`]), printing a
//! streamed answer ([`stream_printer`]), and questions with a letter for each answer ([`question`]),
//! of which one is the [`consent`] to downloads.
//!
//! [`dialogue`] puts them together.
//!
//! Does not do: choose the server or the agent; see the binary's `chat`.
#![forbid(unsafe_code)]

pub mod command;
pub mod consent;
pub mod dialogue;
pub mod lines;
pub mod question;
pub mod stream_printer;

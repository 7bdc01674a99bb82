//! Interactive chat with one agent: what `chat` does between reading a line and printing the
//! answer.

pub mod command;
pub mod lines;
pub mod stream_printer;

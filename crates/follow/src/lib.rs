//! A run on a terminal: its lanes while it goes on, the questions to a person, and its answer.
//!
//! Owns: following the events of a run until its end ([`follow`]), in the form that the output takes
//! ([`Form`]); asking for approvals while other tasks go on; what is done with runs at once ([`verbs`]).
//!
//! Invariants: the answer, or the documents of `--json`, go to stdout, everything else to stderr; the
//! answer is printed once and whole; nothing is answered for a person, so a question that cannot be
//! asked stays open; the terminal is as it was when the run ends.
//!
//! Does not do: choose the server, start a team, parse arguments.
#![forbid(unsafe_code)]

mod answer;
mod client_tools;
mod document;
mod error;
mod first_note;
mod follow;
#[cfg(unix)]
mod keys;
#[cfg(not(unix))]
mod no_keys;
mod stage;
pub mod verbs;

#[cfg(not(unix))]
use no_keys as keys;

pub use client_tools::{resume, tell_absence};
pub use error::FollowError;
pub use first_note::first_note;
pub use follow::{Ending, follow};
pub use stage::Form;

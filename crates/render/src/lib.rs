//! What the command line shows: documents as text, and work as it goes on.
//!
//! Owns: one function from a document to a string for each thing that is shown, one look for tables
//! ([`mod@table`]) and for labelled lines ([`lines`]); the way of any text to a terminal
//! ([`Printer`]); the app's events as bars and lines ([`Progress`], [`panes`], [`prefixed`]).
//!
//! Invariants: functions from a document to a string are pure; lines have no trailing spaces and fit
//! 100 columns; meaning never rests on colour; only [`Printer`] and what draws through it write.
//!
//! Does not do: decide what is shown, or show a benchmark's record at length (the crate `report`).
#![forbid(unsafe_code)]

pub mod ab_compare;
pub mod answers;
pub mod bench;
mod bench_progress;
pub mod demo;
pub mod doctor;
pub mod endpoint;
pub mod findings;
pub mod hardware;
pub mod instances;
pub mod keys;
pub mod lines;
pub mod models;
pub mod panes;
pub mod plan;
pub mod prefixed;
pub mod printer;
pub mod progress;
pub mod table;
pub mod tuned;
pub mod watch;

pub use printer::{Printer, ReaderGone};
pub use progress::{Progress, Spinner, spinner};

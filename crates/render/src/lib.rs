//! Terminal output of the command line: documents as text, and progress of running work.
//!
//! Owns: one function per document, from the document to a string; one style for tables
//! ([`mod@table`]) and for labelled lines ([`lines`]); all output to the terminal ([`Printer`]);
//! `app`'s events as bars and lines ([`Progress`], [`panes`], [`prefixed_lines`]).
//!
//! Invariants: functions from a document to a string are pure; lines have no trailing spaces and at
//! most 100 columns; meaning never depends on colour; only [`Printer`] and what draws through it
//! write.
//!
//! Does not do: decide what to show; render full benchmark reports (crate `report`).
#![forbid(unsafe_code)]

pub mod ab_compare;
pub mod answer_timing;
pub mod answers;
pub mod bench;
mod bench_progress;
pub mod demo;
pub mod doctor;
pub mod downloads;
pub mod endpoint;
pub mod findings;
mod hanging;
pub mod hardware;
pub mod instances;
pub mod keys;
pub mod lines;
pub mod models;
pub mod panes;
pub mod plan;
pub mod prefixed_lines;
pub mod printer;
pub mod progress;
pub mod table;
pub mod tuned;
pub mod watch;

pub use printer::{Printer, StdoutClosed};
pub use progress::{Progress, Spinner, spinner};

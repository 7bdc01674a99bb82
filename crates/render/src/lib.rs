//! Terminal output of the command line: documents as text, and progress of running work.
//!
//! Owns: one function per document, from the document to a string within a width; one style for
//! labelled lines ([`lines`]); the width of the terminal, and all output to it ([`Printer`]); `app`'s
//! events as bars and lines ([`Progress`], [`panes`], [`prefixed_lines`]).
//!
//! Invariants: functions from a document to a string are pure; lines have no trailing spaces, and are
//! wrapped by `layout` alone; meaning never depends on colour; only [`Printer`] and what draws
//! through it write.
//!
//! Does not do: decide what to show; render full benchmark reports (crate `report`).
#![forbid(unsafe_code)]

pub mod ab_compare;
pub mod answer_timing;
pub mod answers;
mod bar;
pub mod bench;
mod bench_progress;
pub mod demo;
pub mod doctor;
pub mod downloads;
pub mod endpoint;
pub mod eval;
pub mod findings;
pub mod hardware;
pub mod imports;
pub mod instances;
pub mod keys;
pub mod lines;
pub mod models;
pub mod panes;
pub mod plan;
pub mod prefixed_lines;
pub mod printer;
pub mod progress;
mod run_lane;
pub mod run_lanes;
pub mod run_lines;
pub mod runs;
pub mod tuned;
pub mod watch;
mod watch_clock;

pub use bar::{Bar, spinner};
pub use harmonic_layout::{Flow, Width};
pub use printer::{Printer, StdoutClosed};
pub use progress::Progress;

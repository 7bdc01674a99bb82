//! Documents as text for a person at a terminal.
//!
//! Owns: one function from a document to a string for each thing that the command line shows, one
//! look for tables ([`mod@table`]) and for labelled lines ([`lines`]).
//!
//! Invariants: the functions are pure; lines have no trailing spaces and fit 100 columns; meaning
//! never rests on colour.
//!
//! Does not do: print, or show a benchmark's record at length (the crate `report`).
#![forbid(unsafe_code)]

pub mod against;
pub mod bench;
pub mod doctor;
pub mod endpoint;
pub mod findings;
pub mod hardware;
pub mod lines;
pub mod models;
pub mod plan;
pub mod table;
pub mod tuned;

//! Reports of records: of benchmarks, and of runs of a team.
//!
//! Owns: the presentation of a [`harmonic_types::BenchRun`]: on a terminal ([`terminal`]), as a page
//! ([`html`]), a plot ([`scaling`], [`png`]), a document ([`markdown`]), rows for other programs
//! ([`mod@csv`], [`benchy`]), compared with others ([`compare`]), and with the claims of the paper
//! ([`machine_report`]); and of a [`harmonic_types::RunRecord`] as page, document and trace ([`run`]).
//!
//! Invariants: pure functions from records to text or bytes; glyphs and words carry all meaning, so
//! that it does not depend on colour; an absent figure is shown as `–`, never as 0.
//!
//! Does not do: measure, compute verdicts (they are part of the record), print, or access files.
#![forbid(unsafe_code)]

pub mod benchy;
pub mod chart;
pub mod compare;
pub mod csv;
pub mod html;
pub mod machine_report;
mod mark;
pub mod markdown;
mod method;
mod number_format;
mod palette;
pub mod png;
mod provenance;
mod real_time;
pub mod run;
pub mod scaling;
pub mod terminal;
mod title;

#[cfg(test)]
mod sample;

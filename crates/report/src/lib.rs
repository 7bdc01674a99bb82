//! Benchmark records as a person reads them.
//!
//! Owns: the words, columns and strokes in which a [`harmonic_types::BenchRun`] is shown: on a
//! terminal ([`terminal`]), as a page ([`html`]), a plot ([`scaling`], [`png`]), a document
//! ([`markdown`]), rows for other programs ([`mod@csv`], [`benchy`]), beside others ([`compare`]), and
//! as what the paper published ([`paper`]).
//!
//! Invariants: pure functions from records to text or bytes; meaning is in glyphs and words, so it
//! survives without colour; a figure that is absent shows as `–`, never as 0.
//!
//! Does not do: measure, judge (the verdict comes with the record), print, or touch files.
#![forbid(unsafe_code)]

pub mod benchy;
pub mod chart;
pub mod compare;
pub mod csv;
mod figure;
pub mod html;
mod mark;
pub mod markdown;
mod method;
pub mod paper;
pub mod png;
pub mod scaling;
pub mod terminal;

#[cfg(test)]
mod sample;

//! A run as text for a terminal.
//!
//! Owns: the words, columns and strokes. Pure functions from a record to a string.
//!
//! Invariants: meaning is in glyphs and words, so it survives without colour; a figure that is
//! absent shows as `–`, never as 0; lines have no trailing spaces.
//!
//! Does not do: print, colour, or ask how wide the terminal is.

mod axis;
mod canvas;
mod curve;
mod figure;
mod mark;
mod summary;
mod table;

pub use curve::curve;
pub use summary::summary;
pub use table::table;

#[cfg(test)]
mod sample;

//! Text of a run for a terminal.
//!
//! Owns: the table of levels, the curve in characters, and the verdict in one line.
//!
//! Invariants: lines have no trailing spaces; tables fit 100 columns.
//!
//! Does not do: print, colour, or detect the width of the terminal.

mod arrivals;
mod axis;
mod canvas;
mod curve;
mod grid;
mod power;
mod spark;
mod summary;
mod table;

pub use curve::curve;
pub(crate) use grid::grid;
pub use power::power;
pub use spark::spark;
pub(crate) use summary::{fit_lines, why_no_sweet_spot};
pub use summary::{fits, summary};
pub use table::table;

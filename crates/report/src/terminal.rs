//! Text of a run for a terminal.
//!
//! Owns: the table of levels, the curve in characters, and the verdict in one line.
//!
//! Invariants: lines have no trailing spaces and fit the width.
//!
//! Does not do: print, colour, or detect the width of the terminal; lay tables out (crate `layout`).

mod arrivals;
mod axis;
mod canvas;
mod curve;
mod power;
mod runs;
mod spark;
mod summary;
mod table;

pub use curve::curve;
pub use power::power;
pub(crate) use runs::is_of_runs;
pub use spark::spark;
pub(crate) use summary::{fit_lines, why_no_sweet_spot};
pub use summary::{fits, summary};
pub use table::table;

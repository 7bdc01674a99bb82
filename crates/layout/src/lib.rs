//! Layout of text and tables within a width.
//!
//! Owns: what a width is ([`Width`]), where a line may be broken ([`wrap`], and [`Flow`] for text that
//! arrives in pieces), and how a table gives way ([`Table`]).
//!
//! Invariants: a line is broken only between words, and a number and its unit are one word; a line
//! exceeds the width only if it is one word; without a width nothing is wrapped, dropped or stacked.
//!
//! Does not do: detect the width of a terminal (`render`'s printer), print, colour.
#![forbid(unsafe_code)]

mod flow;
mod table;
mod width;
mod wrap;

pub use flow::Flow;
pub use table::{Column, Table};
pub use width::Width;
pub use wrap::{beside, columns, joined_figures, shortened, unbroken, wrap, wrap_lines};

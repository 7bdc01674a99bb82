//! Records of runs of a team, as documents.
//!
//! Owns: the presentation of a [`harmonic_types::RunRecord`]: as a page ([`html`]), a document
//! ([`markdown`]), a trace for other programs ([`otel`]), and a timeline for a terminal
//! ([`timeline()`]).
//!
//! Invariants: pure; the same record gives the same bytes. Goals, titles, texts and names come from
//! models, tools and strangers: they are shown as text wherever they stand, and characters that
//! would hide or reorder others are replaced. States and kinds are told by words and shapes; an
//! absent figure is `–`, never 0. A drawing is bounded, the tables and texts are whole.

mod costs;
mod graph;
mod layers;
mod markdown;
mod otel;
mod packing;
mod page;
mod style;
mod task;
mod terminal;
mod text;
mod timeline;

pub use self::markdown::render as markdown;
pub use self::otel::render as otel;
pub use self::page::render as html;
pub use self::terminal::render as timeline;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

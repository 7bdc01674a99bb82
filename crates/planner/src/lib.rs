//! Who gets which slots on which engine, and every byte of it.
//!
//! Owns: the targets of the tiers, the memory ledger, the allocation, and the document that they
//! fill ([`harmonic_types::Plan`]); what sharing saves, and the paper's table of memory by slots.
//!
//! Invariants: a plan never costs more than the budget; the same input gives the same plan; more
//! memory never gives a worse one, by the order that [`allocation`] states.
//!
//! Does not do: I/O, printing, launching, or measuring.
#![forbid(unsafe_code)]

pub mod allocation;
mod attention;
pub mod compute;
mod concurrency;
mod document;
pub mod error;
pub mod footprint;
pub mod input;
mod layout;
pub mod plan;
pub mod regroup;
mod surplus;
pub mod table;
pub mod targets;
mod threads;
mod tuned;
mod weights;

pub use error::PlanError;
pub use input::{PaperFigures, PlanOptions, PlannedModel};
pub use layout::{LayoutCosts, layout_costs};
pub use plan::plan;
pub use regroup::same_slots;
pub use table::{MemoryRow, memory_table};
pub use targets::{floor, target};

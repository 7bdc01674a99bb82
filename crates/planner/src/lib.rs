//! Planner: slots of each agent, engines, and a memory ledger that accounts for every byte.
//!
//! Owns: the slot targets of the tiers, the memory ledger, the allocation, and the plan document
//! ([`harmonic_types::Plan`]); the memory saved by sharing, and the paper's table of memory by
//! slots.
//!
//! Invariants: a plan never exceeds the budget; no placed agent has less than its smallest context;
//! the same input gives the same plan; with more memory the placed agents only increase, and with
//! the same agents and KV types no agent's context, then slots, decreases ([`allocation`]).
//!
//! Does not do: I/O, printing, launching, or measuring.
#![forbid(unsafe_code)]

pub mod allocation;
mod attention;
pub mod compute;
mod concurrency;
pub mod cost_model;
pub mod demand;
mod document;
mod embedding;
pub mod error;
pub mod footprint;
pub mod input;
mod join_order;
mod kv_layout;
mod ladder;
mod leftover;
mod lending;
pub mod plan;
mod prompt_room;
mod runtime;
pub mod sharing_variant;
pub mod shortage;
pub mod slot_targets;
pub mod table;
pub mod team_memory;
mod threads;
mod tuned;
mod weights;

pub use error::PlanError;
pub use input::{PaperFigures, PlanOptions, PlannedModel};
pub use kv_layout::{LayoutCosts, layout_costs};
pub use plan::plan;
pub use prompt_room::{FullContext, full_contexts};
pub use sharing_variant::memory_with_sharing;
pub use slot_targets::{floor, quotas, target};
pub use table::{MemoryRow, memory_table};

//! Admission to an engine: a pure state machine over requests, without knowledge of tokens.
//!
//! Owns: the agents' queues, quotas, borrowing between agents, classes, tiers and ageing, the order
//! of preemption, the limit on requests in flight, and the arbiter between engines on one device.
//!
//! Invariants, held by property tests on two kinds of [`Room`]: requests in flight never exceed the
//! limit, except for borrowers that cannot be preempted; every accepted request is started once and
//! released once; no request starves.
//!
//! Does not do: sizing requests or holding their state (the [`Room`] does), reading clocks (`now`
//! is a parameter), waiting, or locking.
#![forbid(unsafe_code)]

mod admission;
mod ageing;
mod agent;
mod arbiter;
mod config;
mod decision;
mod preemption_order;
mod priority;
mod quota;
mod room;
mod slots;
mod tick;

pub use admission::Admission;
pub use arbiter::{Allowance, Demand, DeviceArbiter};
pub use config::{AdmissionConfig, AgentConfig};
pub use decision::{AgentLoad, Decision, Ticket};
pub use priority::Priority;
pub use quota::quotas;
pub use room::{BorrowRequest, Room, Short};
pub use slots::Slots;
pub use tick::Tick;

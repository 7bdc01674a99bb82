//! Who may run on an engine, and when: a pure state machine that knows no tokens.
//!
//! Owns: the queues of the agents, quotas, borrowing between them, tiers and ageing, the choice of
//! whom to preempt, the limit of requests in flight, and the arbiter between engines on one device.
//!
//! Invariants, held by property tests on two kinds of [`Room`]: never more requests in flight than
//! the limit, save borrowers that cannot be preempted; every request that was accepted is started
//! once and released once; no request is passed over for ever.
//!
//! Does not do: size requests or hold what they compute (that is the [`Room`]'s), read clocks (`now`
//! is a parameter), wait, or lock.
#![forbid(unsafe_code)]

mod admission;
mod agent;
mod arbiter;
mod config;
mod decision;
mod quota;
mod room;
mod slots;
mod tick;

pub use admission::Admission;
pub use arbiter::{Allowance, Demand, DeviceArbiter};
pub use config::{AdmissionConfig, AgentConfig};
pub use decision::{AgentLoad, Decision, Ticket};
pub use quota::quotas;
pub use room::{BorrowRequest, Room, Short};
pub use slots::Slots;
pub use tick::Tick;

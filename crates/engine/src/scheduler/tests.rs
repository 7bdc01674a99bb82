//! Each rule by example, and the invariants under random traffic.

mod compaction;
mod deferred;
mod fake;
mod preemption;
mod prefix;
mod rules;
mod siblings;
mod traffic;

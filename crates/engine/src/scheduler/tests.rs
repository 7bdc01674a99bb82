//! Examples of each rule, and the invariants under random traffic.

mod compaction;
mod fake;
mod late;
mod preemption;
mod prefix;
mod rules;
mod traffic;

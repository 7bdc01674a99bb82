//! Examples of each rule, and the invariants under random traffic.

mod compaction;
mod fake;
mod late;
mod parking;
mod prefix;
mod rules;
mod traffic;

//! Each rule by example and the invariants under random traffic, on a room with and without
//! preemption.

mod background;
mod policy;
mod team;
mod traffic;

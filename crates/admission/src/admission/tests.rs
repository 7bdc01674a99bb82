//! Each rule by example, and the invariants under random traffic, on slots without preemption and
//! on a room that can preempt.

mod policy;
mod team;
mod traffic;

//! Comparisons of settings in trials without an engine.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod fixture;
mod kv_types;
mod layouts;

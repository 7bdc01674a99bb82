//! Signals of this process as requests to stop.
//!
//! Owns: what the first and the second Ctrl-C or SIGTERM do ([`Stop`]), and handing signals over to
//! what handles them itself ([`Signals`]).
#![forbid(unsafe_code)]

mod stop;

pub use stop::{Signal, Signals, Stop, Stopped};

//! The process of the program, at its start and its end.
//!
//! Owns: the variables that libraries read before `main` ([`with_settings`]), what the first and the
//! second Ctrl-C or SIGTERM do ([`Stop`]), and handing signals over to what handles them itself
//! ([`Signals`]).
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod malloc_environment;
#[cfg(target_os = "linux")]
mod openmp;
mod reexec;
mod stop;

pub use reexec::with_settings;
pub use stop::{Signal, Signals, Stop, Stopped};

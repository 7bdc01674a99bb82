//! What this machine is: CPU, memory budget, energy meter.
//!
//! Owns: detection into a [`harmonic_types::Hardware`], the limits of the built-in profiles, and
//! the energy meters.
//!
//! Invariants: every fact is read below one [`Sysroot`], so that a recorded tree of another machine
//! gives that machine; what cannot be read is absent or an error, never a guess; figures that a
//! rule made up carry the provenance `estimated`.
//!
//! Does not do: plan, load an engine, or read the environment. This cut describes Linux machines by
//! CPU; a GPU that it sees is reported and not used.
#![forbid(unsafe_code)]

pub mod cgroup;
pub mod cpu;
pub mod detect;
pub mod error;
pub mod gpu;
pub mod memory;
pub mod meter;
pub mod profile;
pub mod rapl;
pub mod sysroot;

pub use detect::detect;
pub use error::HardwareError;
pub use meter::energy_meter;
pub use rapl::RaplMeter;
pub use sysroot::Sysroot;

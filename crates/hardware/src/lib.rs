//! What this machine is: devices, memory budget, energy meter.
//!
//! Owns: detection into a [`harmonic_types::Hardware`], the limits of the built-in profiles, the
//! energy meters and sensors, and the probe of memory and arithmetic.
//!
//! Invariants: every fact is read below one [`Sysroot`], so that a recorded tree of another machine
//! gives that machine; what cannot be read is absent or an error, never a guess; figures that a
//! rule made up carry the provenance `estimated`.
//!
//! What one vendor's interface refuses to say never becomes another vendor's profile.
//!
//! `unsafe` stands in one file, [`nvml`]'s `libcuda.rs`: NVIDIA's driver library is loaded there at
//! run time. Everywhere else it is denied.
//!
//! Does not do: plan, load an engine, or read the environment.
#![deny(unsafe_code)]

pub mod apple;
pub mod cgroup;
pub mod cpu;
pub mod detect;
pub mod environment;
pub mod error;
pub mod gpu;
pub mod host;
pub mod machine;
pub mod memory;
pub mod meter;
pub mod nvml;
pub mod platform;
pub mod probe;
pub mod profile;
pub mod rapl;
pub mod sensors;
pub mod sysroot;

pub use detect::{detect, detect_for};
pub use environment::environment;
pub use error::HardwareError;
pub use machine::RunsOn;
pub use meter::{energy_meter, energy_meter_for};
pub use rapl::RaplMeter;
pub use sensors::sensors;
pub use sysroot::Sysroot;

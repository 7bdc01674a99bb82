//! Hardware detection: devices, memory budget, energy meters, sensors, load by other programs.
//!
//! Owns: detection into a [`harmonic_types::Hardware`], the limits of the built-in profiles, the
//! energy meters, sensors and the load meter, and the probe of memory bandwidth.
//!
//! Invariants: every fact is read below one [`Sysroot`], so that a recorded tree describes another
//! machine; an unreadable fact is absent or an error, never a guess; figures derived from a rule
//! have the provenance `estimated`.
//!
//! A failure of one vendor's interface never results in another vendor's profile.
//!
//! `unsafe` occurs in one file, [`nvml`]'s `libcuda.rs`, which loads NVIDIA's driver library at run
//! time. Everywhere else it is denied.
//!
//! Does not do: plan, load an engine, or read the environment.
#![deny(unsafe_code)]

pub mod apple;
pub mod bandwidth_probe;
pub mod cgroup;
pub mod cpu;
pub mod detect;
pub mod environment;
pub mod error;
pub mod gpu;
pub mod host;
pub mod load;
pub mod machine;
pub mod memory;
pub mod meter;
pub mod nvml;
pub mod platform;
pub mod profile;
pub mod rapl;
pub mod sensors;
pub mod sysroot;

pub use detect::{detect, detect_for};
pub use environment::environment;
pub use error::HardwareError;
pub use load::{OwnProcesses, load_meter};
pub use machine::EngineDevice;
pub use meter::{energy_meter, energy_meter_for};
pub use rapl::RaplMeter;
pub use sensors::sensors;
pub use sysroot::Sysroot;

//! NVIDIA's management library, as far as this crate asks it, and the one fact that only the driver
//! library tells.
//!
//! On the running machine the library is loaded when it is asked for; a machine without it is the
//! normal case. Below a replaced root the answers come from the file `nvml.json` of that root,
//! whose form [`recorded`] documents, so that every way to answer can be tested.
//!
//! Invariant: a refusal stays a refusal with its name; no answer is made up.

use std::fmt::Debug;
use std::sync::Arc;

use harmonic_types::Bytes;

use crate::error::HardwareError;
use crate::sysroot::Sysroot;

mod libcuda;
mod library;
pub mod recorded;

/// A call that NVML refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NvmlError {
    /// `NVML_ERROR_NOT_SUPPORTED`: the device has no such figure.
    #[error("NOT_SUPPORTED")]
    NotSupported,
    /// Any other error, by its name or text.
    #[error("{0}")]
    Other(String),
}

/// Memory of a device as NVML states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NvmlMemory {
    /// All of it.
    pub total: Bytes,
    /// Not taken now.
    pub free: Bytes,
}

/// What is asked. Devices are numbered from zero.
pub trait Nvml: Debug + Send + Sync {
    /// Number of devices.
    ///
    /// # Errors
    /// What NVML answers instead; so for every call here.
    fn count(&self) -> Result<u32, NvmlError>;
    /// Model name of a device.
    ///
    /// # Errors
    /// What NVML answers instead.
    fn name(&self, index: u32) -> Result<String, NvmlError>;
    /// Memory of a device.
    ///
    /// # Errors
    /// What NVML answers instead.
    fn memory(&self, index: u32) -> Result<NvmlMemory, NvmlError>;
    /// Power that a device draws now, mW.
    ///
    /// # Errors
    /// What NVML answers instead.
    fn milliwatts(&self, index: u32) -> Result<u64, NvmlError>;
    /// Whether a device shares the system's memory, which NVML does not know and NVIDIA's driver
    /// library does; `None` where that cannot be asked or refuses to say.
    fn integrated(&self, index: u32) -> Option<bool>;
    /// Energy that a device has used since its driver was loaded, mJ.
    ///
    /// # Errors
    /// What NVML answers instead.
    fn millijoules(&self, index: u32) -> Result<u64, NvmlError>;
    /// Temperature of a device, °C.
    ///
    /// # Errors
    /// What NVML answers instead; where nobody asks, that there is none.
    fn temperature_c(&self, _index: u32) -> Result<u32, NvmlError> {
        Err(NvmlError::NotSupported)
    }
    /// Clock of its multiprocessors, MHz.
    ///
    /// # Errors
    /// As of the temperature.
    fn clock_mhz(&self, _index: u32) -> Result<u32, NvmlError> {
        Err(NvmlError::NotSupported)
    }
    /// Whether heat or the power supply slows it down now. A board that runs at its power limit is
    /// not slowed: that is how it is built.
    ///
    /// # Errors
    /// As of the temperature.
    fn is_slowed(&self, _index: u32) -> Result<bool, NvmlError> {
        Err(NvmlError::NotSupported)
    }
}

/// Whether NVML can be asked.
#[derive(Clone, Debug)]
pub enum NvmlState {
    /// The library is not installed.
    Absent,
    /// It is installed, and no driver is loaded.
    NoDriver,
    /// It refuses to start.
    Failed(NvmlError),
    /// It answers.
    Open(Arc<dyn Nvml>),
}

/// NVML of the machine below `root`.
///
/// # Errors
/// When a recorded file exists and cannot be read or understood.
pub fn open(root: &Sysroot) -> Result<NvmlState, HardwareError> {
    if root.is_live() { Ok(library::open()) } else { recorded::open(root) }
}

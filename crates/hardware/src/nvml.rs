//! NVIDIA's management library (NVML) as used by this crate, and one fact known only to the driver
//! library.
//!
//! On the running machine the library is loaded on demand; a machine without it is the normal case.
//! Below a replaced root the figures come from the file `nvml.json` of that root, whose format
//! [`recorded`] documents, so that every response can be tested.
//!
//! Invariant: an error keeps its name; no figure is invented.

use std::fmt::Debug;
use std::sync::Arc;

use harmonic_types::Bytes;

use crate::error::HardwareError;
use crate::sysroot::Sysroot;

mod libcuda;
mod library;
pub mod recorded;

/// Error of a call of NVML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NvmlError {
    /// `NVML_ERROR_NOT_SUPPORTED`: the device has no such figure.
    #[error("NOT_SUPPORTED")]
    NotSupported,
    /// Any other error, by its name or text.
    #[error("{0}")]
    Other(String),
}

/// Memory of a device as stated by NVML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NvmlMemory {
    /// Size.
    pub total: Bytes,
    /// Free now.
    pub free: Bytes,
}

/// Queries of NVML. Devices are numbered from zero.
pub trait Nvml: Debug + Send + Sync {
    /// Number of devices.
    ///
    /// # Errors
    /// NVML's error, as for every method.
    fn count(&self) -> Result<u32, NvmlError>;
    /// Model name of a device.
    ///
    /// # Errors
    /// NVML's error.
    fn name(&self, index: u32) -> Result<String, NvmlError>;
    /// Memory of a device.
    ///
    /// # Errors
    /// NVML's error.
    fn memory(&self, index: u32) -> Result<NvmlMemory, NvmlError>;
    /// Present power of a device, mW.
    ///
    /// # Errors
    /// NVML's error.
    fn milliwatts(&self, index: u32) -> Result<u64, NvmlError>;
    /// Whether a device shares system memory, by NVIDIA's driver library, as NVML does not state
    /// it; `None` if the library is absent or fails.
    fn integrated(&self, index: u32) -> Option<bool>;
    /// Energy used by a device since its driver was loaded, mJ.
    ///
    /// # Errors
    /// NVML's error.
    fn millijoules(&self, index: u32) -> Result<u64, NvmlError>;
    /// Temperature of a device, °C.
    ///
    /// # Errors
    /// NVML's error; unsupported by default.
    fn temperature_c(&self, _index: u32) -> Result<u32, NvmlError> {
        Err(NvmlError::NotSupported)
    }
    /// Clock of a device's multiprocessors, MHz.
    ///
    /// # Errors
    /// NVML's error; unsupported by default.
    fn clock_mhz(&self, _index: u32) -> Result<u32, NvmlError> {
        Err(NvmlError::NotSupported)
    }
    /// Whether a device is throttled now for temperature or by the power supply. Running at the
    /// board's power limit is normal and not counted.
    ///
    /// # Errors
    /// NVML's error; unsupported by default.
    fn is_throttled(&self, _index: u32) -> Result<bool, NvmlError> {
        Err(NvmlError::NotSupported)
    }
}

/// Availability of NVML.
#[derive(Clone, Debug)]
pub enum NvmlState {
    /// The library is not installed.
    Absent,
    /// The library is installed, but no driver is loaded.
    NoDriver,
    /// Initialisation failed.
    Failed(NvmlError),
    /// Available.
    Open(Arc<dyn Nvml>),
}

/// NVML of the machine below `root`.
///
/// # Errors
/// If a recorded file exists but cannot be read or parsed.
pub fn open(root: &Sysroot) -> Result<NvmlState, HardwareError> {
    if root.is_live() { Ok(library::open()) } else { recorded::open(root) }
}

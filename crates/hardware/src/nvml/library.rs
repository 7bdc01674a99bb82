//! NVML of the installed driver.

use std::sync::Arc;

use harmonic_types::Bytes;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError as Refusal;

use super::libcuda;
use super::{Nvml, NvmlError, NvmlMemory, NvmlState};

/// Reasons that count as throttling.
const THROTTLED: ThrottleReasons = ThrottleReasons::HW_SLOWDOWN
    .union(ThrottleReasons::HW_THERMAL_SLOWDOWN)
    .union(ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN)
    .union(ThrottleReasons::SW_THERMAL_SLOWDOWN);

/// The loaded library.
#[derive(Debug)]
struct Library(nvml_wrapper::Nvml);

/// Loads and initialises `libnvidia-ml.so.1`.
pub(super) fn open() -> NvmlState {
    match nvml_wrapper::Nvml::init() {
        Ok(nvml) => NvmlState::Open(Arc::new(Library(nvml))),
        Err(Refusal::LibloadingError(_) | Refusal::LibraryNotFound) => NvmlState::Absent,
        Err(Refusal::DriverNotLoaded) => NvmlState::NoDriver,
        Err(other) => NvmlState::Failed(refused(other)),
    }
}

fn refused(refusal: Refusal) -> NvmlError {
    match refusal {
        Refusal::NotSupported => NvmlError::NotSupported,
        other => NvmlError::Other(other.to_string()),
    }
}

impl Library {
    fn device(&self, index: u32) -> Result<nvml_wrapper::Device<'_>, NvmlError> {
        self.0.device_by_index(index).map_err(refused)
    }
}

impl Nvml for Library {
    fn count(&self) -> Result<u32, NvmlError> {
        self.0.device_count().map_err(refused)
    }

    fn name(&self, index: u32) -> Result<String, NvmlError> {
        self.device(index)?.name().map_err(refused)
    }

    fn memory(&self, index: u32) -> Result<NvmlMemory, NvmlError> {
        let memory = self.device(index)?.memory_info().map_err(refused)?;
        Ok(NvmlMemory { total: Bytes(memory.total), free: Bytes(memory.free) })
    }

    fn integrated(&self, index: u32) -> Option<bool> {
        let pci = self.device(index).ok()?.pci_info().ok()?;
        libcuda::integrated(&format!("{:04x}:{:02x}:{:02x}.0", pci.domain, pci.bus, pci.device))
    }

    fn milliwatts(&self, index: u32) -> Result<u64, NvmlError> {
        self.device(index)?.power_usage().map(u64::from).map_err(refused)
    }

    fn millijoules(&self, index: u32) -> Result<u64, NvmlError> {
        self.device(index)?.total_energy_consumption().map_err(refused)
    }

    fn temperature_c(&self, index: u32) -> Result<u32, NvmlError> {
        self.device(index)?.temperature(TemperatureSensor::Gpu).map_err(refused)
    }

    fn clock_mhz(&self, index: u32) -> Result<u32, NvmlError> {
        self.device(index)?.clock_info(Clock::SM).map_err(refused)
    }

    fn is_throttled(&self, index: u32) -> Result<bool, NvmlError> {
        let reasons = self.device(index)?.current_throttle_reasons().map_err(refused)?;
        Ok(reasons.intersects(THROTTLED))
    }
}

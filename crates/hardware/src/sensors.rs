//! Clocks, temperature and throttling of the device of the engines.
//!
//! Invariants: sensors are chosen by the same rule as energy meters, so that a GPU's temperature is
//! never read for work on the CPU; an unreadable figure is absent.
//!
//! Does not do: evaluate a temperature.

use harmonic_types::Sensors;

use crate::gpu::GpuMemory;
use crate::machine::{EngineDevice, Machine};
use crate::nvml::NvmlState;
use crate::platform::Platform;
use crate::sysroot::Sysroot;

mod amdgpu;
mod cpu;
mod nvml;

/// The sensors below `root` for engines that run on `on`; `None` if nothing can be read.
pub fn sensors(root: &Sysroot, on: EngineDevice) -> Option<Box<dyn Sensors>> {
    let machine = Machine::read(root).ok()?;
    let platform = if on == EngineDevice::Cpu { Platform::Cpu } else { machine.platform };
    match platform {
        Platform::DgxSpark | Platform::NvidiaUnified | Platform::NvidiaDiscrete { .. } => {
            let NvmlState::Open(nvml) = &machine.nvml else { return None };
            some(nvml::GpuSensors::new(nvml))
        }
        Platform::AmdDiscrete { .. } | Platform::StrixHalo { .. } | Platform::AmdApu { .. } => {
            let is_card = matches!(platform, Platform::AmdDiscrete { .. });
            let of_platform = |memory: &GpuMemory| match memory {
                GpuMemory::Board { .. } => is_card,
                GpuMemory::CarveOut { .. } => !is_card,
                GpuMemory::System | GpuMemory::Unknown => false,
            };
            let mut gpus = machine.gpus.iter().filter(|gpu| of_platform(&gpu.memory));
            some(amdgpu::AmdSensors::new(root, gpus.find_map(|gpu| gpu.render_node)?))
        }
        // No other sensors cover these GPUs.
        Platform::Jetson | Platform::Apple | Platform::NvidiaUnknown => None,
        Platform::Cpu => some(cpu::CpuSensors::new(root)),
    }
}

/// `sensors`, if any figure can be read.
fn some(sensors: impl Sensors + 'static) -> Option<Box<dyn Sensors>> {
    let reading = sensors.read();
    let is_readable = reading.temperature_c.is_some()
        || reading.clock_mhz.is_some()
        || reading.throttled.is_some();
    is_readable.then(|| Box::new(sensors) as Box<dyn Sensors>)
}

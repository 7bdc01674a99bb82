//! Clocks, temperature and throttling of what the engines run on.
//!
//! Invariants: sensors are chosen as energy meters are, so that a GPU's heat is never read for work
//! on the CPU; what cannot be read is absent.
//!
//! Does not do: judge a temperature.

use harmonic_types::Sensors;

use crate::gpu::GpuMemory;
use crate::machine::{Machine, RunsOn};
use crate::nvml::NvmlState;
use crate::platform::Platform;
use crate::sysroot::Sysroot;

mod amdgpu;
mod cpu;
mod nvml;

/// The sensors below `root` of what engines on `on` run on; `None` where nothing can be read.
pub fn sensors(root: &Sysroot, on: RunsOn) -> Option<Box<dyn Sensors>> {
    let machine = Machine::read(root).ok()?;
    let platform = if on == RunsOn::Cpu { Platform::Cpu } else { machine.platform };
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
        // Other sensors would say nothing of these GPUs.
        Platform::Jetson | Platform::Apple | Platform::NvidiaUnknown => None,
        Platform::Cpu => some(cpu::CpuSensors::new(root)),
    }
}

/// Sensors that say anything at all.
fn some(sensors: impl Sensors + 'static) -> Option<Box<dyn Sensors>> {
    let reading = sensors.read();
    let says = reading.temperature_c.is_some()
        || reading.clock_mhz.is_some()
        || reading.throttled.is_some();
    says.then(|| Box::new(sensors) as Box<dyn Sensors>)
}

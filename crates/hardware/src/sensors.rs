//! Clocks, temperature and throttling of what the engines run on.
//!
//! Invariants: sensors are chosen as energy meters are, so that a GPU's heat is never read for work
//! on the CPU; what cannot be read is absent.
//!
//! Does not do: judge a temperature.

use harmonic_types::Sensors;

use crate::gpu::GpuVendor;
use crate::machine::{Machine, RunsOn};
use crate::nvml::NvmlState;
use crate::sysroot::Sysroot;

mod amdgpu;
mod cpu;
mod nvml;

/// The sensors below `root` of what engines on `on` run on; `None` where nothing can be read.
pub fn sensors(root: &Sysroot, on: RunsOn) -> Option<Box<dyn Sensors>> {
    let machine = Machine::read(root).ok()?;
    if on == RunsOn::Best {
        if let NvmlState::Open(nvml) = &machine.nvml
            && machine.gpus.iter().any(|gpu| gpu.vendor == GpuVendor::Nvidia)
        {
            return some(nvml::GpuSensors::new(nvml));
        }
        let node = machine.gpus.iter().find_map(|gpu| gpu.render_node);
        if let Some(node) = node {
            return some(amdgpu::AmdSensors::new(root, node));
        }
    }
    some(cpu::CpuSensors::new(root))
}

/// Sensors that say anything at all.
fn some(sensors: impl Sensors + 'static) -> Option<Box<dyn Sensors>> {
    let reading = sensors.read();
    let says = reading.temperature_c.is_some()
        || reading.clock_mhz.is_some()
        || reading.throttled.is_some();
    says.then(|| Box::new(sensors) as Box<dyn Sensors>)
}

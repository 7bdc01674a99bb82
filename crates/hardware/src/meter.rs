//! Energy meters of a machine, with their scope.
//!
//! Invariants: a meter is chosen by the device of the engines, so that a GPU's rail is never read
//! for work on the CPU; scopes are not mixed within one meter; if the platform's own meter cannot
//! be read, the result is an error, not another scope; a machine without a meter has `None`, not
//! zero.
//!
//! Does not do: subtract idle power; [`idle`] measures it separately.

use harmonic_types::{EnergyMeter, MeterError, PowerScope};

use crate::gpu::GpuMemory;
use crate::machine::{EngineDevice, Machine};
use crate::nvml::NvmlState;
use crate::platform::Platform;
use crate::rapl::RaplMeter;
use crate::sysroot::Sysroot;

pub mod amdgpu;
pub mod dgx_spark;
pub mod hwmon;
pub mod idle;
pub mod ina3221;
pub mod nvml;
pub mod sampled;

/// A meter with the name of its interface.
pub struct NamedMeter {
    /// `rapl`, `nvml`, `amdgpu-hwmon`, `ina3221` or `spark-hwmon`.
    pub source: &'static str,
    /// The meter.
    pub meter: Box<dyn EnergyMeter>,
}

impl std::fmt::Debug for NamedMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamedMeter").field("source", &self.source).finish_non_exhaustive()
    }
}

/// The meter below `root` for engines that run on its best device; `None` if there is none.
///
/// # Errors
/// As [`energy_meter_for`].
pub fn energy_meter(root: &Sysroot) -> Result<Option<Box<dyn EnergyMeter>>, MeterError> {
    energy_meter_for(root, EngineDevice::Best)
}

/// The meter below `root` for engines that run on `on`; `None` if there is none.
///
/// # Errors
/// If this process may not read an existing meter (the message states the remedy), or the machine
/// cannot be described.
pub fn energy_meter_for(
    root: &Sysroot,
    on: EngineDevice,
) -> Result<Option<Box<dyn EnergyMeter>>, MeterError> {
    let machine = Machine::read(root).map_err(|error| MeterError {
        meter: root.path("/").display().to_string(),
        reason: error.to_string(),
    })?;
    Ok(for_machine(root, &machine, on)?.map(|found| found.meter))
}

/// The meter of `machine`, which was read below `root`.
///
/// # Errors
/// If this process may not read an existing meter.
pub fn for_machine(
    root: &Sysroot,
    machine: &Machine,
    on: EngineDevice,
) -> Result<Option<NamedMeter>, MeterError> {
    match on {
        EngineDevice::Best => of_best_device(root, machine),
        EngineDevice::Cpu => of_cpu(root, machine),
    }
}

fn of_best_device(root: &Sysroot, machine: &Machine) -> Result<Option<NamedMeter>, MeterError> {
    match machine.platform {
        Platform::DgxSpark | Platform::NvidiaUnified => match dgx_spark::open(root)? {
            Some(meter) => Ok(Some(named_meter("spark-hwmon", meter))),
            None => of_nvml(machine, PowerScope::GpuRail),
        },
        Platform::NvidiaDiscrete { .. } => of_nvml(machine, PowerScope::GpuBoard),
        Platform::AmdDiscrete { .. } => of_amdgpu(root, machine, PowerScope::GpuBoard),
        Platform::StrixHalo { .. } | Platform::AmdApu { .. } => {
            of_amdgpu(root, machine, PowerScope::SocPackage)
        }
        Platform::Jetson => Ok(ina3221::open(root)?.map(|meter| named_meter("ina3221", meter))),
        // Apple's IOReport is a framework; the power of an unknown NVIDIA GPU has no known scope.
        Platform::Apple | Platform::NvidiaUnknown => Ok(None),
        Platform::Cpu => of_rapl(root),
    }
}

/// A meter of the best device whose scope includes the CPU, otherwise RAPL.
fn of_cpu(root: &Sysroot, machine: &Machine) -> Result<Option<NamedMeter>, MeterError> {
    let found = match machine.platform {
        Platform::DgxSpark => dgx_spark::open(root)?.map(|meter| named_meter("spark-hwmon", meter)),
        Platform::StrixHalo { .. } | Platform::AmdApu { .. } => {
            of_amdgpu(root, machine, PowerScope::SocPackage)?
        }
        Platform::Jetson => ina3221::open(root)?.map(|meter| named_meter("ina3221", meter)),
        _ => None,
    };
    match found {
        Some(found) => Ok(Some(found)),
        None => of_rapl(root),
    }
}

fn of_rapl(root: &Sysroot) -> Result<Option<NamedMeter>, MeterError> {
    Ok(RaplMeter::open(root)?.map(|meter| named_meter("rapl", meter)))
}

fn of_nvml(machine: &Machine, scope: PowerScope) -> Result<Option<NamedMeter>, MeterError> {
    let NvmlState::Open(nvml) = &machine.nvml else { return Ok(None) };
    let meter = nvml::open(nvml, scope)?;
    Ok(meter.map(|meter| NamedMeter { source: "nvml", meter }))
}

/// The meter of the platform's GPUs only, so that an APU is not added to a card.
fn of_amdgpu(
    root: &Sysroot,
    machine: &Machine,
    scope: PowerScope,
) -> Result<Option<NamedMeter>, MeterError> {
    let is_platform = |memory: &GpuMemory| match scope {
        PowerScope::SocPackage => matches!(memory, GpuMemory::CarveOut { .. }),
        _ => matches!(memory, GpuMemory::Board { .. }),
    };
    let nodes = machine.gpus.iter().filter(|gpu| is_platform(&gpu.memory));
    let nodes: Vec<u32> = nodes.filter_map(|gpu| gpu.render_node).collect();
    Ok(amdgpu::open(root, &nodes, scope)?.map(|meter| named_meter("amdgpu-hwmon", meter)))
}

fn named_meter(source: &'static str, meter: impl EnergyMeter + 'static) -> NamedMeter {
    NamedMeter { source, meter: Box::new(meter) }
}

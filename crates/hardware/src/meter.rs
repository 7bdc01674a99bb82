//! Which energy meter a machine has, and with what scope.
//!
//! Invariants: a meter is chosen by what the engines run on, so that a GPU's rail is never read for
//! work on the CPU; scopes are not mixed within one meter; where the platform's own meter cannot be
//! read the answer is an error, not another scope; a machine without a meter has none, not zero.
//!
//! Does not do: subtract idle power; [`idle`] measures it apart.

use harmonic_types::{EnergyMeter, MeterError, PowerScope};

use crate::gpu::GpuMemory;
use crate::machine::{Machine, RunsOn};
use crate::nvml::NvmlState;
use crate::platform::Platform;
use crate::rapl::RaplMeter;
use crate::sysroot::Sysroot;

pub mod amdgpu;
pub mod hwmon;
pub mod idle;
pub mod ina3221;
pub mod nvml;
pub mod sampled;
pub mod spark;

/// A meter and the interface that it reads.
pub struct Metered {
    /// `rapl`, `nvml`, `amdgpu-hwmon`, `ina3221` or `spark-hwmon`.
    pub source: &'static str,
    /// The meter.
    pub meter: Box<dyn EnergyMeter>,
}

impl std::fmt::Debug for Metered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metered").field("source", &self.source).finish_non_exhaustive()
    }
}

/// The meter below `root` for engines that run on its best device; `None` where there is none.
///
/// # Errors
/// As [`energy_meter_for`].
pub fn energy_meter(root: &Sysroot) -> Result<Option<Box<dyn EnergyMeter>>, MeterError> {
    energy_meter_for(root, RunsOn::Best)
}

/// The meter below `root` for engines that run on `on`; `None` where there is none.
///
/// # Errors
/// When there is a meter that this process may not read (the message says how to allow it), or the
/// machine cannot be described.
pub fn energy_meter_for(
    root: &Sysroot,
    on: RunsOn,
) -> Result<Option<Box<dyn EnergyMeter>>, MeterError> {
    let machine = Machine::read(root).map_err(|error| MeterError {
        meter: root.path("/").display().to_string(),
        reason: error.to_string(),
    })?;
    Ok(of(root, &machine, on)?.map(|found| found.meter))
}

/// The meter of `machine`, which was read below `root`.
///
/// # Errors
/// When there is a meter that this process may not read.
pub fn of(root: &Sysroot, machine: &Machine, on: RunsOn) -> Result<Option<Metered>, MeterError> {
    match on {
        RunsOn::Best => of_best(root, machine),
        RunsOn::Cpu => of_cpu(root, machine),
    }
}

fn of_best(root: &Sysroot, machine: &Machine) -> Result<Option<Metered>, MeterError> {
    match machine.platform {
        Platform::DgxSpark | Platform::NvidiaUnified => match spark::open(root)? {
            Some(meter) => Ok(Some(metered("spark-hwmon", meter))),
            None => of_nvml(machine, PowerScope::GpuRail),
        },
        Platform::NvidiaDiscrete { .. } => of_nvml(machine, PowerScope::GpuBoard),
        Platform::AmdDiscrete { .. } => of_amdgpu(root, machine, PowerScope::GpuBoard),
        Platform::StrixHalo { .. } | Platform::AmdApu { .. } => {
            of_amdgpu(root, machine, PowerScope::SocPackage)
        }
        Platform::Jetson => Ok(ina3221::open(root)?.map(|meter| metered("ina3221", meter))),
        // IOReport is a framework of Apple's; the other GPU's power would say nothing.
        Platform::Apple | Platform::NvidiaUnknown => Ok(None),
        Platform::Cpu => of_rapl(root),
    }
}

/// Of the meters above those whose scope holds the CPU, then RAPL.
fn of_cpu(root: &Sysroot, machine: &Machine) -> Result<Option<Metered>, MeterError> {
    let found = match machine.platform {
        Platform::DgxSpark => spark::open(root)?.map(|meter| metered("spark-hwmon", meter)),
        Platform::StrixHalo { .. } | Platform::AmdApu { .. } => {
            of_amdgpu(root, machine, PowerScope::SocPackage)?
        }
        Platform::Jetson => ina3221::open(root)?.map(|meter| metered("ina3221", meter)),
        _ => None,
    };
    match found {
        Some(found) => Ok(Some(found)),
        None => of_rapl(root),
    }
}

fn of_rapl(root: &Sysroot) -> Result<Option<Metered>, MeterError> {
    Ok(RaplMeter::open(root)?.map(|meter| metered("rapl", meter)))
}

fn of_nvml(machine: &Machine, scope: PowerScope) -> Result<Option<Metered>, MeterError> {
    let NvmlState::Open(nvml) = &machine.nvml else { return Ok(None) };
    let meter = nvml::open(nvml, scope)?;
    Ok(meter.map(|meter| Metered { source: "nvml", meter }))
}

/// Of the GPUs that make up the platform, so that an APU beside a card is not added to it.
fn of_amdgpu(
    root: &Sysroot,
    machine: &Machine,
    scope: PowerScope,
) -> Result<Option<Metered>, MeterError> {
    let is_platform = |memory: &GpuMemory| match scope {
        PowerScope::SocPackage => matches!(memory, GpuMemory::CarveOut { .. }),
        _ => matches!(memory, GpuMemory::Board { .. }),
    };
    let nodes = machine.gpus.iter().filter(|gpu| is_platform(&gpu.memory));
    let nodes: Vec<u32> = nodes.filter_map(|gpu| gpu.render_node).collect();
    Ok(amdgpu::open(root, &nodes, scope)?.map(|meter| metered("amdgpu-hwmon", meter)))
}

fn metered(source: &'static str, meter: impl EnergyMeter + 'static) -> Metered {
    Metered { source, meter: Box::new(meter) }
}

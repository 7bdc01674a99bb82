//! The description of a machine, derived from detected facts.

use std::collections::BTreeMap;

use harmonic_types::{
    Bytes, Device, DeviceKind, Finding, Hardware, PowerSource, Provenance, ProvenanceMap,
};

use crate::error::HardwareError;
use crate::machine::{EngineDevice, Machine};
use crate::meter;
use crate::platform::Platform;
use crate::profile::{self, Profile};
use crate::sysroot::Sysroot;

/// Describes the machine below `root` for engines that run on its best device.
///
/// # Errors
/// As [`detect_for`].
pub fn detect(root: &Sysroot) -> Result<Hardware, HardwareError> {
    detect_for(root, EngineDevice::Best)
}

/// Describes the machine below `root` for engines that run on `on`.
///
/// - `memory_total_bytes` is the memory usable by such engines, limits of control groups
///   applied: the GPU's own, the shared, or the system's memory.
/// - `memory_budget_bytes` is ⌊0.85 × that⌋, with 15% in reserve as in the paper.
/// - `memory_available_bytes` is the part that is free now.
/// - `devices` starts with the device of the engines.
///
/// # Errors
/// If `/proc/meminfo` or `/proc/cpuinfo` is absent, or any file is malformed. A GPU that cannot be
/// described is a warning.
pub fn detect_for(root: &Sysroot, on: EngineDevice) -> Result<Hardware, HardwareError> {
    let machine = Machine::read(root)?;
    let (total, available) = machine.memory(on);
    let profile = profile_for(&machine, on, total);
    let mut warnings = Vec::new();
    if machine.host.total() < machine.host.memory.total {
        warnings.push(memory_limited(machine.host.memory.total, machine.host.total()));
    }
    warnings.extend(machine.findings.iter().cloned());
    let power = power(root, &machine, on, &mut warnings);
    Ok(Hardware {
        schema: Hardware::SCHEMA.to_owned(),
        profile: profile.name.to_owned(),
        name: machine.host.cpu.name.clone(),
        unified_memory: machine.platform.is_unified(),
        memory_total_bytes: total,
        memory_available_bytes: available.min(total),
        memory_budget_bytes: budget(total),
        peak_parallel: profile.peak_parallel,
        max_parallel: profile.max_parallel,
        devices: devices(&machine, on),
        power,
        environment: BTreeMap::new(),
        warnings,
        provenance: provenance(profile.provenance),
    })
}

/// ⌊0.85 × `usable`⌋ in integer arithmetic.
pub fn budget(usable: Bytes) -> Bytes {
    let bytes = u128::from(usable.0) * 85 / 100;
    Bytes(u64::try_from(bytes).expect("85% of a u64 is a u64"))
}

/// The profile with the limits of parallelism; `total` is the memory usable by engines.
fn profile_for(machine: &Machine, on: EngineDevice, total: Bytes) -> Profile {
    match (on, machine.platform) {
        (EngineDevice::Cpu, _) | (EngineDevice::Best, Platform::Cpu | Platform::NvidiaUnknown) => {
            profile::cpu_generic(machine.host.threads())
        }
        (EngineDevice::Best, Platform::DgxSpark) => profile::DGX_SPARK,
        (EngineDevice::Best, Platform::StrixHalo { .. }) => profile::RYZEN_AI_MAX_395,
        (EngineDevice::Best, _) => profile::generic(total),
    }
}

/// The device of the engines, then the others.
fn devices(machine: &Machine, on: EngineDevice) -> Vec<Device> {
    let mut devices: Vec<Device> =
        machine.gpus.iter().enumerate().map(|(index, gpu)| gpu.device(index)).collect();
    let cpu = Device {
        id: "cpu".to_owned(),
        kind: DeviceKind::Cpu,
        name: machine.host.cpu.name.clone(),
        memory_bytes: None,
        threads: Some(machine.host.threads()),
        features: machine.host.cpu.features.clone(),
    };
    let cpu_is_best = on == EngineDevice::Cpu
        || matches!(machine.platform, Platform::Cpu | Platform::NvidiaUnknown);
    devices.insert(if cpu_is_best { 0 } else { devices.len() }, cpu);
    devices
}

fn memory_limited(machine: Bytes, limit: Bytes) -> Finding {
    Finding::new(
        "memory-limited-by-cgroup",
        format!("a control group limits this process to {limit} of the machine's {machine}"),
        "raise the limit (`docker run --memory`, `systemd-run -p MemoryMax=`) to plan with more",
    )
}

/// The energy meter's source; an unreadable meter adds a warning.
fn power(
    root: &Sysroot,
    machine: &Machine,
    on: EngineDevice,
    warnings: &mut Vec<Finding>,
) -> Option<PowerSource> {
    match meter::for_machine(root, machine, on) {
        Ok(found) => found.map(|found| PowerSource {
            source: found.source.to_owned(),
            scope: found.meter.scope(),
        }),
        Err(error) => {
            warnings.push(Finding::new(
                "energy-unreadable",
                format!("power is not measured: cannot read {}", error.meter),
                error.reason,
            ));
            None
        }
    }
}

/// Sizes are measured; the budget follows from a rule, as do the limits unless the paper states
/// them.
fn provenance(limits: Provenance) -> ProvenanceMap {
    let figures = [
        ("/memory_total_bytes", Provenance::Measured),
        ("/memory_available_bytes", Provenance::Measured),
        ("/memory_budget_bytes", Provenance::Estimated),
        ("/peak_parallel", limits),
        ("/max_parallel", limits),
        ("/devices", Provenance::Measured),
    ];
    figures.into_iter().map(|(pointer, source)| (pointer.to_owned(), source)).collect()
}

#[cfg(test)]
mod tests;

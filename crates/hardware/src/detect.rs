//! From files below a root to the document that describes the machine.

use std::collections::BTreeMap;

use harmonic_types::{
    Bytes, Device, DeviceKind, Finding, Hardware, PowerSource, Provenance, ProvenanceMap,
};

use crate::cgroup::Limits;
use crate::cpu::Cpu;
use crate::error::HardwareError;
use crate::gpu;
use crate::memory::Memory;
use crate::meter::energy_meter;
use crate::profile;
use crate::sysroot::Sysroot;

/// Describes the machine below `root`.
///
/// - `memory_total_bytes` is min(`MemTotal`, memory limit): what engines could ever use.
/// - `memory_budget_bytes` is ⌊0.85 × that⌋; the paper keeps 15% back.
/// - `memory_available_bytes` is the lesser of `MemAvailable` and what the limits leave.
///
/// # Errors
/// When `/proc/meminfo` or `/proc/cpuinfo` is absent, or any file has not the kernel's format.
pub fn detect(root: &Sysroot) -> Result<Hardware, HardwareError> {
    let memory = Memory::read(root)?;
    let cpu = Cpu::read(root)?;
    let limits = Limits::read(root)?;
    let threads = limits.cpus.map_or(cpu.threads, |quota| quota.min(cpu.threads));
    let profile = profile::cpu_generic(threads);

    let total = limits.memory.map_or(memory.total, |limit| limit.min(memory.total));
    let available = limits.memory_left.map_or(memory.available, |left| left.min(memory.available));

    let mut warnings = Vec::new();
    if total < memory.total {
        warnings.push(limited(memory.total, total));
    }
    match gpu::vendors(root) {
        Ok(vendors) => warnings.extend(vendors.into_iter().map(gpu::unused)),
        Err(error) => warnings.push(gpu::unknown(&error)),
    }
    let power = power(root, &mut warnings);

    Ok(Hardware {
        schema: Hardware::SCHEMA.to_owned(),
        profile: profile.name.to_owned(),
        name: cpu.name.clone(),
        unified_memory: false,
        memory_total_bytes: total,
        memory_available_bytes: available,
        memory_budget_bytes: budget(total),
        peak_parallel: profile.peak_parallel,
        max_parallel: profile.max_parallel,
        devices: vec![Device {
            id: "cpu".to_owned(),
            kind: DeviceKind::Cpu,
            name: cpu.name,
            memory_bytes: None,
            threads: Some(threads),
            features: cpu.features,
        }],
        power,
        environment: BTreeMap::new(),
        warnings,
        provenance: provenance(),
    })
}

/// ⌊0.85 × `usable`⌋ in whole numbers.
pub fn budget(usable: Bytes) -> Bytes {
    let bytes = u128::from(usable.0) * 85 / 100;
    Bytes(u64::try_from(bytes).expect("85% of a u64 is a u64"))
}

fn limited(machine: Bytes, limit: Bytes) -> Finding {
    Finding::new(
        "memory-limited-by-cgroup",
        format!("a control group limits this process to {limit} of the machine's {machine}"),
        "raise the limit (`docker run --memory`, `systemd-run -p MemoryMax=`) to plan with more",
    )
}

/// The energy meter's source, or why it cannot be used.
fn power(root: &Sysroot, warnings: &mut Vec<Finding>) -> Option<PowerSource> {
    match energy_meter(root) {
        Ok(meter) => {
            meter.map(|meter| PowerSource { source: "rapl".to_owned(), scope: meter.scope() })
        }
        Err(error) => {
            warnings.push(Finding::new(
                "energy-unreadable",
                format!("power is left out: cannot read {}", error.meter),
                error.reason,
            ));
            None
        }
    }
}

/// Sizes are read here; what the profile says is a rule.
fn provenance() -> ProvenanceMap {
    let figures = [
        ("/memory_total_bytes", Provenance::Measured),
        ("/memory_available_bytes", Provenance::Measured),
        ("/memory_budget_bytes", Provenance::Estimated),
        ("/peak_parallel", Provenance::Estimated),
        ("/max_parallel", Provenance::Estimated),
        ("/devices", Provenance::Measured),
    ];
    figures.into_iter().map(|(pointer, source)| (pointer.to_owned(), source)).collect()
}

#[cfg(test)]
mod tests;

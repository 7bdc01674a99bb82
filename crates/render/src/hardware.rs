//! Detected hardware as text.

use harmonic_layout::Width;
use harmonic_types::{DeviceKind, Hardware, PowerScope};

use super::lines::labelled;

/// One line: name, threads, memory.
pub fn line(hardware: &Hardware) -> String {
    format!(
        "{}, {}, {} of memory, {} usable for a plan",
        hardware.name,
        threads(hardware.cpu_threads()),
        hardware.memory_total_bytes,
        hardware.memory_budget_bytes
    )
}

fn threads(count: u32) -> String {
    format!("{count} {}", if count == 1 { "thread" } else { "threads" })
}

/// All detected properties, one per line.
pub fn text(hardware: &Hardware, width: Width) -> String {
    let mut lines = vec![("machine", hardware.name.clone()), ("profile", hardware.profile.clone())];
    for device in &hardware.devices {
        let mut parts = Vec::new();
        // The processor's name is the machine's, shown on the line above.
        parts.extend((device.kind != DeviceKind::Cpu).then(|| device.name.clone()));
        parts.extend(device.threads.map(threads));
        parts.extend(device.memory_bytes.map(|bytes| bytes.to_string()));
        if !device.features.is_empty() {
            parts.push(device.features.join(" "));
        }
        let kind = match device.kind {
            DeviceKind::Cpu => "CPU",
            DeviceKind::DiscreteGpu => "GPU",
            DeviceKind::IntegratedGpu => "iGPU",
        };
        lines.push((kind, parts.join(", ")));
    }
    let unified = if hardware.unified_memory { ", shared by CPU and GPU" } else { "" };
    lines.push((
        "memory",
        format!(
            "{} total{unified}, {} available now",
            hardware.memory_total_bytes, hardware.memory_available_bytes
        ),
    ));
    lines.push(("budget", format!("{} for a plan (85%)", hardware.memory_budget_bytes)));
    lines.push((
        "parallel",
        format!(
            "expected peak near {} (profile), at most {}; measure it with `harmonic bench`",
            hardware.peak_parallel, hardware.max_parallel
        ),
    ));
    lines.push((
        "power",
        match &hardware.power {
            Some(power) => format!("{}, {}", power.source, scope(power.scope)),
            None => "no readable meter".to_owned(),
        },
    ));
    let shown = lines.iter().map(|(name, value)| labelled(name, value, width));
    shown.collect::<Vec<_>>().join("\n")
}

const fn scope(scope: PowerScope) -> &'static str {
    match scope {
        PowerScope::GpuRail => "the GPU rail",
        PowerScope::GpuBoard => "the graphics card",
        PowerScope::SocPackage => "the SoC package",
        PowerScope::CpuPackage => "the CPU package",
        PowerScope::System => "the whole system",
    }
}
